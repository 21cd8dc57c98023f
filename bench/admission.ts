import { type Reporter, runBenchmark } from './frame.ts';
import { type AdmissionCase, admissionCases, AdmissionSite } from './support/admissionSite.ts';
import { audited } from './support/audited.ts';
import { handlerCosts } from './support/handlerCosts.ts';
import { closedLoop, openLoop } from './support/load.ts';
import { type Pass, turns } from './support/passes.ts';
import { baselines, latencyOf, reportPasses, verbs } from './support/passRows.ts';
import { median } from './support/samples.ts';

/** Requests of a round; a single client is slower. */
const requests: Readonly<Record<number, number>> = { 1: 30, 32: 128 };
const pacedRate = 100;
/** Enough that a single hiccup of the machine is not the 99th percentile. */
const pacedRequests = 500;

async function throughServer(site: AdmissionSite, network: AdmissionCase, report: Reporter): Promise<void> {
  for (const [concurrency, count] of Object.entries(requests)) {
    const clients = Number(concurrency);
    const name = `${network.name}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
    const passes = await turns(site, network, send => closedLoop(count, clients, send));
    reportPasses(name, passes, report, clients > 1 ? { of: 'ratio', atLeast: 0.8 } : undefined);
  }
  const { ours, noop, alone } = await turns(site, network, send => openLoop(pacedRequests, pacedRate, send));
  for (const [verb] of verbs) {
    const p99 = (passes: readonly Pass[]): number => latencyOf(passes, verb, 99);
    const name = `${network.name}, ${pacedRate} pods/s: p99 of a ${verb}`;
    report(name, { value: p99(ours), unit: 'ms', baseline: p99(alone), against: baselines.alone });
    report(`${name}, decisions only`, { value: p99(ours), unit: 'ms', baseline: p99(noop), against: baselines.noop });
    report(`${name}, added`, { value: p99(ours) - p99(alone), unit: 'ms', goal: { of: 'value', atMost: 15 } });
  }
  report(`${network.name}, ${pacedRate} pods/s: requests to the API server, a pod and network`, {
    value: median(ours.map(({ requestsBesides }) => requestsBesides)),
    unit: 'requests',
    goal: { of: 'value', atMost: 2 },
  });
}

async function run(report: Reporter): Promise<void> {
  await using site = await AdmissionSite.start({ nodes: 50, replicas: 1, cases: admissionCases });
  await handlerCosts(site, report);
  for (const network of admissionCases) await throughServer(site, network, report);
  await audited(site, report, 'all pods gone');
  report('requests that were tried again, of all', { value: site.repeated, unit: 'requests' });
}

await runBenchmark({
  name: 'admission',
  about: 'one admission of each kind in the process, and pods created and bound through the real API server',
  limitSeconds: 1800,
  run,
});
