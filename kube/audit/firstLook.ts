import { setImmediate } from 'node:timers/promises';
import { AddressUsers } from '../../core/audit/addressUsers.ts';
import { audit, auditPools } from '../../core/audit/audit.ts';
import { PageRecords } from '../../core/audit/pageRecords.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import type { AuditedPod, AuditedPool, AuditFinding, AuditRules } from '../../core/audit/types.ts';
import type { KubeClient } from '../api/client.ts';
import { ipPools, pods } from '../api/resources.ts';
import { listPoolRows } from '../pools/poolTable.ts';
import { eachOf } from '../process/eachOf.ts';
import type { AuditFrame } from './frame.ts';

/** A finding of the first look, and the pools that it is based on. */
export interface Suspicion {
  finding: AuditFinding;
  pools: readonly string[];
}

/** Pods without a node are audited as if they were on this one. */
const unscheduled = '';

/**
 * Looks at pages and at pools of nodes that are gone, one by one, then at each node's pods and pools. It may suspect too much, as it does
 * not see everything at one moment, but it overlooks only what begins while it looks.
 */
export async function firstLook(
  client: KubeClient,
  frame: AuditFrame,
  rules: AuditRules,
  { concurrency, signal }: { concurrency: number; signal: AbortSignal | undefined },
): Promise<Suspicion[]> {
  const suspicions: Suspicion[] = [];
  const suspect = (findings: readonly AuditFinding[], pools: readonly AuditedPool[]): void => {
    const names = pools.map(({ name }) => name);
    for (const finding of findings) suspicions.push({ finding, pools: names });
  };
  const read = async (name: string): Promise<AuditedPool[]> => {
    const pool = await client.find(ipPools, { name }, { signal });
    return pool ? [auditedPool(pool)] : [];
  };
  const rows = await listPoolRows(client, { signal });
  const byNode = Map.groupBy(rows, ({ hostName }) => (frame.nodes.has(hostName ?? '') ? hostName : undefined));

  const pages = new PageRecords();
  await eachOf(byNode.get(undefined) ?? [], concurrency, async ({ name }) => {
    for (const pool of await read(name)) {
      suspect(auditPools({ ...frame, pools: [pool] }), [pool]);
      if (pool.spec.hostName === undefined) pages.add(pool);
    }
  });

  const users = new AddressUsers();
  await eachOf([unscheduled, ...frame.nodes.keys()], concurrency, async node => {
    const here = await podsOn(client, node, signal);
    const own = await Promise.all((byNode.get(node) ?? []).map(({ name }) => read(name)));
    const pools = [...own.flat(), ...pages.take(here)];
    suspect([...audit({ ...frame, pods: here, pools }, rules), ...users.see(here, frame.networks)], pools);
    await setImmediate();
  });
  const rest = pages.rest();
  for (const pool of rest) suspect(audit({ ...frame, pods: [], pools: [pool] }, rules), [pool]);
  return suspicions;
}

/** From the API server's cache, where pods are found by their node. */
async function podsOn(client: KubeClient, node: string, signal: AbortSignal | undefined): Promise<AuditedPod[]> {
  const fieldSelector = `spec.nodeName=${node}`;
  const { items } = await client.list(pods, { signal, fieldSelector, resourceVersion: '0' });
  return items.map(auditedPod);
}
