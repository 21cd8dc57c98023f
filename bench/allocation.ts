import { ApiError } from '../kube/api/errors.ts';
import { installWebhooks } from '../test/system/webhookConfigurations.ts';
import { type Reporter, runBenchmark } from './frame.ts';
import { type AdmissionCase, admissionCases, AdmissionSite } from './support/admissionSite.ts';
import { audited } from './support/audited.ts';
import { closedLoop, type Load } from './support/load.ts';
import { reportPaced } from './support/pacedRows.ts';
import { type Pass, pass, turns } from './support/passes.ts';
import { rateOf, reportPasses, verbs } from './support/passRows.ts';
import { median } from './support/samples.ts';

const nodes = 200;
const replicas = 3;
const clients = 32;
const requests = 192;
/** Of so few requests, as many as tell a cost from a busy moment of the machine. */
const rounds = 8;
/** Passes before these: the first ones are slower. */
const warmUps = 3;
/** Pods that hold 50,000 addresses, some 30 on a node. */
const filling = 6250;
const nics = 8;

/** Networks of exactly 1,000 addresses of one NIC: 1,022 usable ones without 22. A rate of one is as noisy as the machine. */
const thousands = [0, 4, 8].map((third): AdmissionCase => ({
  name: `thousand-${third}`,
  subnet: `12.0.${third}.0/22`,
  hostBlock: 0,
  vlanMode: 'l2',
  nics: 1,
  excludeCIDRs: ['240/28', '236/30', '234/31', '233/32'].map(end => `12.0.${third + 3}.${end}`),
}));
const all = 1000;
/** A refused pod is created again after this, ms, as a ReplicaSet does. */
const againMs = 100;
const mostTries = 100;

const loop = <T>(send: (i: number) => Promise<T>): Promise<Load<T>> => closedLoop(requests, clients, send);

async function besideTheServer(site: AdmissionSite, network: AdmissionCase, report: Reporter): Promise<void> {
  const name = `${network.name}, ${replicas} replicas, ${clients} clients`;
  reportPasses(name, await turns(site, network, loop), report, { of: 'ratio', atLeast: 0.8 });
  await reportPaced(site, network, report, `${network.name}, ${replicas} replicas`);
}

async function several(site: AdmissionSite, network: AdmissionCase): Promise<Pass[]> {
  const passes: Pass[] = [];
  while (passes.length < warmUps + rounds) passes.push(await pass(site, network, loop, 'ours'));
  return passes.slice(warmUps);
}

/**
 * The same with none and with 50,000 addresses given out, by pods that are there. None is measured on both sides of the 50,000, as the
 * API server and etcd get slower with what they have served, whoever asks.
 */
async function filled(site: AdmissionSite, network: AdmissionCase, report: Reporter): Promise<void> {
  await installWebhooks(site.client, site.ours.address);
  const before = await several(site, network);
  const { results: names } = await closedLoop(filling, clients, () => site.createPod(network));
  await closedLoop(filling, clients, i => site.bind(network, names[i] ?? '', i));
  const full = await several(site, network);
  const title = `${network.name}, ${(filling * nics).toLocaleString('en')} addresses given out`;
  await audited(site, report, title);
  await site.clear(network, names);
  const none = [...before, ...(await several(site, network))];
  for (const [verb, word] of verbs) {
    report(`${title}: pods ${word}`, {
      ...{ value: rateOf(full, verb), unit: '/s', baseline: rateOf(none, verb), against: 'none given out' },
      goal: { of: 'ratio', atLeast: 0.95 },
    });
  }
}

/** As many pods as addresses, all deleted at once, and all made again. */
async function toTheLast(site: AdmissionSite, report: Reporter): Promise<void> {
  let refused = 0;
  const create = async (network: AdmissionCase): Promise<string> => {
    for (let tries = 1; ; tries++) {
      try {
        return await site.createPod(network);
      } catch (error) {
        if (!(error instanceof ApiError) || tries === mostTries) throw error;
        refused++;
        await new Promise(resolve => setTimeout(resolve, againMs));
      }
    }
  };
  const round = async (network: AdmissionCase): Promise<Load<string>> => {
    const created = await closedLoop(all, clients, () => create(network));
    await closedLoop(all, clients, i => site.bind(network, created.results[i] ?? '', i));
    return created;
  };
  const rates = { first: [] as number[], again: [] as number[] };
  const refusals = { first: 0, again: 0 };
  for (const network of thousands) {
    let before = refused;
    const first = await round(network);
    rates.first.push(first.rate);
    refusals.first += refused - before;
    before = refused;
    await site.deletePods(network, first.results, clients);
    const again = await round(network);
    rates.again.push(again.rate);
    refusals.again += refused - before;
    await audited(site, report, network.name);
    await site.clear(network, again.results);
  }
  const name = '1,000 pods on 1,000 addresses';
  report(`${name}: created`, { value: median(rates.first), unit: '/s' });
  report(`${name}, all deleted and created again`, {
    ...{ value: median(rates.again), unit: '/s', baseline: median(rates.first), against: 'created for the first time' },
    goal: { of: 'ratio', atLeast: 0.95 },
  });
  report(`${name}: refused at first`, { value: refusals.first, unit: 'pods', goal: { of: 'value', atMost: 0 } });
  report(`${name}: refused again`, { value: refusals.again, unit: 'pods', goal: { of: 'value', atMost: 0 } });
}

async function run(report: Reporter): Promise<void> {
  await using site = await AdmissionSite.start({ nodes, replicas, cases: [...admissionCases, ...thousands] });
  for (const network of admissionCases) await besideTheServer(site, network, report);
  await installWebhooks(site.client, site.ours.address);
  await toTheLast(site, report);
  for (const network of admissionCases) await filled(site, network, report);
  report('requests that were tried again, of all', { value: site.repeated, unit: 'requests' });
}

await runBenchmark({
  name: 'allocation',
  about: 'addresses under load: three replicas, 50,000 addresses given out, as many pods as addresses',
  limitSeconds: 1800,
  run,
});
