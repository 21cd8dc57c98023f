import type { Reporter } from '../frame.ts';
import type { AdmissionCase, AdmissionSite } from './admissionSite.ts';
import { openLoop } from './load.ts';
import { type Pass, turns } from './passes.ts';
import { baselines, latencyOf, verbs } from './passRows.ts';
import { median } from './samples.ts';

const rate = 100;
/** Enough that a single hiccup of the machine is not the 99th percentile. */
const requests = 500;

/** Reports what our webhooks add to pods that come at a steady rate, and what the API server is asked for them. */
export async function reportPaced(
  site: AdmissionSite,
  network: AdmissionCase,
  report: Reporter,
  prefix: string,
): Promise<void> {
  const { ours, noop, alone } = await turns(site, network, send => openLoop(requests, rate, send));
  for (const [verb] of verbs) {
    const p99 = (passes: readonly Pass[]): number => latencyOf(passes, verb, 99);
    const name = `${prefix}, ${rate} pods/s: p99 of a ${verb}`;
    report(name, { value: p99(ours), unit: 'ms', baseline: p99(alone), against: baselines.alone });
    report(`${name}, decisions only`, { value: p99(ours), unit: 'ms', baseline: p99(noop), against: baselines.noop });
    report(`${name}, added`, { value: p99(ours) - p99(alone), unit: 'ms', goal: { of: 'value', atMost: 15 } });
  }
  report(`${prefix}, ${rate} pods/s: requests to the API server, a pod and network`, {
    value: median(ours.map(({ requestsBesides }) => requestsBesides)),
    unit: 'requests',
    goal: { of: 'value', atMost: 2 },
  });
}
