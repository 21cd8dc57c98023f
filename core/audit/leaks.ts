import type { AuditFinding, AuditRules } from './types.ts';
import { addressesOf, type AuditView, type LiveRecord, podName, poolName } from './view.ts';

/** Live records that should have been released, and reservations that should have been settled. */
export function findLeaks(view: AuditView, rules: AuditRules): AuditFinding[] {
  return view.live.flatMap((held): AuditFinding[] => {
    const { record, pool } = held;
    const { network, hostName } = pool.spec;
    const isForeign = !view.networks.has(network) || (hostName !== undefined && !view.nodes.has(hostName));
    const why = isForeign ? undefined : reasonOf(held, view, rules);
    if (why === undefined) return [];
    const addresses = addressesOf(record.nics).join(', ');
    const message = `${addresses}: ${why}; see the log of the ${hostName === undefined ? 'controller' : `agent on ${hostName}`}, which should release it`;
    return [{ kind: 'leak', network, objects: [podName(record), poolName(pool)], message }];
  });
}

function reasonOf({ record, pool, pod }: LiveRecord, { nodes }: AuditView, rules: AuditRules): string | undefined {
  const { now, graceMs, reservationMs } = rules;
  // If a record is dated in the future, nobody knows how old it is: its writer's clock was wrong.
  const ageMs = Math.abs(now.getTime() - Date.parse(record.since));
  if (record.state === 'Reserved') {
    if (ageMs <= reservationMs + graceMs) return undefined;
    return `reserved since ${record.since}, ${pod ? 'and not confirmed for its pod' : 'but no pod came'}`;
  }
  const { hostName } = pool.spec;
  if ([pod?.node, hostName].some(node => node !== undefined && nodes.get(node) === false)) return undefined;
  if (!pod) return ageMs > graceMs ? `held, but its pod (UID ${record.podUID}) is gone` : undefined;
  const { endedAt } = pod;
  const isElsewhere = pod.node !== undefined && hostName !== undefined && pod.node !== hostName;
  if (isElsewhere && ageMs > graceMs) return `held, but its pod runs on node ${pod.node}`;
  if (!endedAt || now.getTime() - endedAt.getTime() <= graceMs) return undefined;
  return `held, but its pod ended at ${endedAt.toISOString()}`;
}
