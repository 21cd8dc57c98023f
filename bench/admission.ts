import { type Reporter, runBenchmark } from './frame.ts';
import { type AdmissionCase, admissionCases, AdmissionSite } from './support/admissionSite.ts';
import { audited } from './support/audited.ts';
import { handlerCosts } from './support/handlerCosts.ts';
import { closedLoop } from './support/load.ts';
import { reportPaced } from './support/pacedRows.ts';
import { turns } from './support/passes.ts';
import { reportPasses } from './support/passRows.ts';

/** Requests of a round; a single client is slower. */
const requests: Readonly<Record<number, number>> = { 1: 30, 32: 128 };

async function throughServer(site: AdmissionSite, network: AdmissionCase, report: Reporter): Promise<void> {
  for (const [concurrency, count] of Object.entries(requests)) {
    const clients = Number(concurrency);
    const name = `${network.name}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
    const passes = await turns(site, network, send => closedLoop(count, clients, send));
    reportPasses(name, passes, report, clients > 1 ? { of: 'ratio', atLeast: 0.8 } : undefined);
  }
  await reportPaced(site, network, report, network.name);
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
