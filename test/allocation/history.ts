import { ipPools } from '../../kube/api/resources.ts';
import { auditCluster } from '../../kube/audit/clusterAudit.ts';
import { describe, heldTwice, liveRecords, triedOnly, violations } from './invariants.ts';
import type { Model } from './model.ts';
import type { Operations } from './operations.ts';
import { nodeCapacity, nodeNames, pageCapacity, pageNumbers } from './setting.ts';
import type { Site } from './site.ts';

/** The real thing, of which the model is the reference. */
export interface History {
  site: Site;
  operations: Operations;
}

/** Longer than every grace period, time-out and cool-down, ms. */
const longMs = 130_000;

/** @throws where anything is wrong that must never be */
export async function expectSound({ site }: History, model: Model): Promise<void> {
  none('at any time', await violations(site, model));
}

/**
 * Brings a history to its end: everything comes back, all pods go, and everything that was held must be free again.
 * @param isFilled whether all nodes come back, and all addresses are given out once more after it
 * @throws where it is not, or the audit finds anything
 */
export async function finish(history: History, model: Model, isFilled: boolean): Promise<void> {
  const { site, operations } = history;
  for (const actor of ['webhook-0', 'webhook-1', 'leader', ...nodeNames] as const) {
    const client = site.clientOf(actor);
    if (client) client.isHeld = false;
  }
  await site.settle();
  for (const name of nodeNames) {
    if (isFilled && !model.node(name).isUp) await operations.addNode(name);
    if (model.node(name).isCut) await operations.heal(name);
  }
  await operations.collectLost();
  await rest(history, model);
  none('while pods live', await findings(site));
  for (const pod of [...model.pods.values()]) await operations.delete(pod, pod.state === 'finished');
  await rest(history, model);
  await rest(history, model);
  const left = liveRecords(await site.user.list(ipPools));
  none(
    'after all pods',
    left.map(record => `${describe(record)} is left`),
  );
  none('after all pods', await findings(site));
  if (isFilled) await fill(history, model);
}

/** Time passes, and everybody does what they do from time to time. */
async function rest(history: History, model: Model): Promise<void> {
  const { site, operations } = history;
  for (let i = 0; i < 2; i++) {
    for (const name of nodeNames) await operations.reap(name);
    await site.settle();
    await site.advance(longMs / 2, true);
    await expectSound(history, model);
  }
  const records = liveRecords(await site.user.list(ipPools));
  none('after a while', [...triedOnly(records), ...heldTwice(records, model)]);
}

async function findings(site: Site): Promise<string[]> {
  const client = site.client('audit');
  let found: string[] = [];
  site.begin('audit', async () => {
    const { findings: all } = await auditCluster(client, { settleMs: 1000 });
    found = all.map(({ kind, objects, message }) => `${kind} ${objects.join(' ')}: ${message}`);
  });
  await site.settle();
  await client.close();
  return found;
}

/** Gives out all addresses: each of them can be had, and then none. */
async function fill({ site, operations }: History, model: Model): Promise<void> {
  await site.restartPlain();
  const [node] = nodeNames;
  const plain = {
    node,
    by: [0, 1, 0] as const,
    isReinvoked: false,
    isSuccessor: false,
    refusedAfter: 'nothing' as const,
    dryRun: false,
  };
  const held = async (): Promise<number> => liveRecords(await site.user.list(ipPools)).length;
  // A pod of a DaemonSet is made in any case: it waits for its node.
  const isGiven = async (kind: 'daemon' | 'flat'): Promise<boolean> => {
    const before = await held();
    site.begin('fill', async () => void (await operations.create({ ...plain, kind, copied: undefined })));
    await site.settle();
    return (await held()) > before;
  };
  const all = { daemon: nodeCapacity, flat: pageCapacity * pageNumbers.length };
  for (const kind of ['daemon', 'flat'] as const) {
    let count = 0;
    while (count <= all[kind] && (await isGiven(kind))) count++;
    if (count !== all[kind]) throw new Error(`${count} of ${all[kind]} addresses for ${kind} pods could be had`);
  }
  await expectSound({ site, operations }, model);
}

function none(when: string, problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(`${when}: ${problems.join('\n')}`);
}
