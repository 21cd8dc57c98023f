import { setTimeout as sleep } from 'node:timers/promises';
import { installWebhooks, removeWebhooks } from '../test/system/webhookConfigurations.ts';
import { runBenchmark, type Reporter } from './frame.ts';
import { AdmissionSite, admissionCases, type AdmissionCase } from './support/admissionSite.ts';
import { handlerCosts } from './support/handlerCosts.ts';
import { closedLoop, openLoop, type Load } from './support/load.ts';
import { median, percentile } from './support/samples.ts';

const rounds = 3;
const nics = 8;
/** Requests of a round; a single client is slower. */
const requests: Readonly<Record<number, number>> = { 1: 30, 32: 128 };
const pacedRate = 100;
const pacedRequests = 200;
/** How long the API server may take to heed a changed webhook configuration, ms. */
const configurationMs = 2000;
const against = 'no webhooks';

/** Creating pods, then binding them. */
interface Pass {
  readonly create: Load<string>;
  readonly bind: Load<unknown>;
}

type Loop = <T>(send: (i: number) => Promise<T>) => Promise<Load<T>>;

async function pass(site: AdmissionSite, network: AdmissionCase, loop: Loop, webhooks: boolean): Promise<Pass> {
  const create = await loop(() => site.createPod(network));
  const bind = await loop(i => site.bind(network, create.results[i] ?? '', i));
  const given = await site.addressesOf(network, create.results.at(-1) ?? '');
  if (given !== (webhooks ? nics : 0)) throw new Error(`${network.name}: the pod has ${given} addresses`);
  await site.clear(network, create.results);
  return { create, bind };
}

/** Passes with and without the webhook configurations, in turns. */
async function turns(site: AdmissionSite, network: AdmissionCase, loop: Loop) {
  const passes = { ours: [] as Pass[], alone: [] as Pass[] };
  for (let round = -1; round < rounds; round++) {
    for (const webhooks of [true, false]) {
      if (webhooks) await installWebhooks(site.client, site.address);
      else await removeWebhooks(site.client);
      await sleep(configurationMs);
      const taken = await pass(site, network, loop, webhooks);
      if (round >= 0) passes[webhooks ? 'ours' : 'alone'].push(taken);
    }
  }
  return passes;
}

async function throughServer(site: AdmissionSite, network: AdmissionCase, report: Reporter): Promise<void> {
  for (const [concurrency, count] of Object.entries(requests)) {
    const clients = Number(concurrency);
    const { ours, alone } = await turns(site, network, send => closedLoop(count, clients, send));
    for (const [verb, word] of [['create', 'created'] as const, ['bind', 'bound'] as const]) {
      const name = `${network.name}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
      report(`${name}: pods ${word}`, {
        ...{ value: median(ours.map(p => p[verb].rate)), unit: '/s', baseline: median(alone.map(p => p[verb].rate)) },
        ...{ against, ...(clients > 1 && { goal: { of: 'ratio' as const, atLeast: 0.8 } }) },
      });
      for (const p of [50, 99]) {
        const of = (passes: readonly Pass[]): number => median(passes.map(q => percentile(q[verb].latencies, p)));
        report(`${name}: p${p} of a ${verb}`, { value: of(ours), unit: 'ms', baseline: of(alone), against });
      }
    }
  }
  const paced = await turns(site, network, send => openLoop(pacedRequests, pacedRate, send));
  for (const verb of ['create', 'bind'] as const) {
    const p99 = (passes: readonly Pass[]): number => median(passes.map(q => percentile(q[verb].latencies, 99)));
    const name = `${network.name}, ${pacedRate} pods/s: p99 of a ${verb}`;
    report(name, { value: p99(paced.ours), unit: 'ms', baseline: p99(paced.alone), against });
    report(`${name}, added`, {
      ...{ value: p99(paced.ours) - p99(paced.alone), unit: 'ms' },
      goal: { of: 'value', atMost: 15 },
    });
  }
}

async function run(report: Reporter): Promise<void> {
  await using site = await AdmissionSite.start();
  await handlerCosts(site, report);
  for (const network of admissionCases) await throughServer(site, network, report);
  report('bindings that were tried again, of all', { value: site.bindsRepeated, unit: 'bindings' });
}

await runBenchmark({
  name: 'admission',
  about: 'one admission of each kind in the process, and pods created and bound through the real API server',
  limitSeconds: 1800,
  run,
});
