import { setImmediate } from 'node:timers/promises';
import type { Allocation, IPPool } from '../../core/api/types.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import type { AuditedPod } from '../../core/audit/types.ts';
import { addressesOf } from '../../core/audit/view.ts';
import { pods } from '../../kube/api/resources.ts';
import type { FirstSeen } from '../../kube/process/firstSeen.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { releaseTimeoutMs } from './limits.ts';
import { isChanged, poolRecords } from './poolRecords.ts';

/** A record in a page. */
interface PageRecord {
  record: Allocation;
  pool: string;
  network: string;
}

type Several = [PageRecord, PageRecord, ...PageRecord[]];

/**
 * Makes the sweep that releases what a pod holds twice in the pages of node-independent networks: two attempts to bind it (or two ADDs), by
 * processes that know nothing of each other, may each take addresses in another page, and the pod uses only one of the two.
 * @param graceMs how long two records are left alone, ms: what the pod itself says may lag
 */
export function createSurplusSweep(
  context: LeaderContext,
  { graceMs, seen }: { graceMs: number; seen: FirstSeen },
): (signal: AbortSignal) => Promise<void> {
  /** By object: an informer's objects never change. */
  const read = new WeakMap<IPPool, readonly PageRecord[]>();
  const recordsOf = (pool: IPPool): readonly PageRecord[] => {
    const records = read.get(pool) ?? openRecords(context, pool);
    read.set(pool, records);
    return records;
  };
  return async signal => {
    const all: PageRecord[] = [];
    for (const pool of [...context.informers.pools.list()].filter(({ spec }) => spec.hostName === undefined)) {
      all.push(...recordsOf(pool));
      // Hundreds of pages are looked at in a row, and reviews wait meanwhile.
      await setImmediate();
    }
    const twice = heldTwice(all);
    seen.keep(new Set(twice.keys()));
    for (const [attachment, held] of twice) {
      if (seen.ageMs(attachment) >= graceMs) await releaseSurplus(context, held, signal);
    }
  };
}

/** Records that can be doubles: with a reservation, a pod finds again what it was granted. */
function openRecords(context: LeaderContext, pool: IPPool): PageRecord[] {
  return poolRecords(context, pool, 'Allocated')
    .filter(({ podUID, reservation }) => podUID !== '' && reservation === undefined)
    .map(record => ({ record, pool: pool.metadata.name, network: pool.spec.network }));
}

/** Records of attachments that have more than one, by attachment. */
function heldTwice(records: readonly PageRecord[]): Map<string, Several> {
  const byAttachment = Map.groupBy(records, ({ network, record }) => `${network} ${record.podUID} ${record.interface}`);
  return new Map([...byAttachment].filter((entry): entry is [string, Several] => entry[1].length > 1));
}

async function releaseSurplus(context: LeaderContext, held: Several, signal: AbortSignal): Promise<void> {
  const { client, pools, logger } = context;
  const [{ record: first }] = held;
  const { namespace, name, podUID } = first;
  const pod = await client.find(pods, { namespace, name }, { signal });
  if (pod?.metadata.uid !== podUID) return;
  for (const { pool, record } of surplusOf(held, auditedPod(pod))) {
    const addresses = addressesOf(record.nics).join();
    const isIt = (other: Allocation): boolean =>
      other.podUID === podUID &&
      other.state === 'Allocated' &&
      other.interface === first.interface &&
      addressesOf(other.nics).join() === addresses;
    signal.throwIfAborted();
    if (await isChanged(context, pool, pools.release(pool, isIt, { timeoutMs: releaseTimeoutMs })))
      logger.info({ pool, namespace, pod: name, addresses }, 'released addresses that the pod held besides its own');
  }
}

/**
 * The agent takes what admission wrote into the pod; if it wrote nothing, the status of the running pod tells what it has. Everything
 * else is surplus; but if neither of the two is recorded, nothing is.
 */
function surplusOf(held: Several, { attachments, interfaces }: AuditedPod): readonly PageRecord[] {
  const [{ network, record: first }] = held;
  const decided = attachments.find(item => item.network === network && item.interface === first.interface);
  const used = new Set(addressesOf(decided ? decided.nics : interfaces));
  const own = held.find(({ record }) => addressesOf(record.nics).every(address => used.has(address)));
  return own ? held.filter(one => one !== own) : [];
}
