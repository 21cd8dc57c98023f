import { runBenchmark, type Reporter } from './frame.ts';
import { AdmissionSite, admissionCases, type AdmissionCase } from './support/admissionSite.ts';
import { handlerCosts } from './support/handlerCosts.ts';
import { closedLoop, openLoop } from './support/load.ts';
import { turns, type Pass } from './support/passes.ts';
import { median, percentile } from './support/samples.ts';

/** Requests of a round; a single client is slower. */
const requests: Readonly<Record<number, number>> = { 1: 30, 32: 128 };
const pacedRate = 100;
const pacedRequests = 200;
const against = 'no webhooks';

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
  await using site = await AdmissionSite.start({ nodes: 50, replicas: 1, cases: admissionCases });
  await handlerCosts(site, report);
  for (const network of admissionCases) await throughServer(site, network, report);
  report('requests that were tried again, of all', { value: site.repeated, unit: 'requests' });
}

await runBenchmark({
  name: 'admission',
  about: 'one admission of each kind in the process, and pods created and bound through the real API server',
  limitSeconds: 1800,
  run,
});
