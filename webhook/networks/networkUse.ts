import { label } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import type { Finding } from '../../core/network/finding.ts';
import { readPool } from '../../core/pool/content.ts';
import { readDraft } from '../../core/validation/draft.ts';
import { compareSpecs, validateChange, validateDeletion } from '../../core/validation/validateChange.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { listPoolRows } from '../../kube/pools/poolTable.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';

/**
 * What a change means for pods that hold addresses. The API server is asked who holds any only if their addresses could move, or lose
 * routes, or if their interfaces could keep those of others off the NICs.
 */
export async function findUseOfChange(
  { client, view }: ReviewContext,
  before: MultiNicNetwork,
  after: MultiNicNetwork,
  budget: CallBudget,
): Promise<Finding[]> {
  const change = compareSpecs(before, after);
  const { layout, ...others } = change;
  const isHarmless = layout.length === 0 && !Object.values(others).some(Boolean);
  if (isHarmless) return [];
  const { items } = await client.list(ipPools, {
    labelSelector: `${label.network}=${after.metadata.name}`,
    timeoutMs: budget.remainingMs(),
  });
  const allocations = items.flatMap(pool => readPool(pool).allocations);
  const hosts = [...view.hosts()].map(({ spec }) => spec);
  return validateChange(after, change, { allocations, hosts });
}

/** Pods that hold addresses of a network that is to be deleted. One pool that has any is enough; the printer columns tell which of thousands to read. */
export async function findUseOfDeleted(
  { client }: ReviewContext,
  network: MultiNicNetwork,
  budget: CallBudget,
): Promise<Finding[]> {
  if (!readDraft(network).ownAddresses) return [];
  const rows = await listPoolRows(client, { network: network.metadata.name, timeoutMs: budget.remainingMs() });
  for (const { name, used = 0 } of rows) {
    if (used === 0) continue;
    const pool = await client.find(ipPools, { name }, { timeoutMs: budget.remainingMs() });
    const findings = validateDeletion(readPool(pool).allocations);
    if (findings.length > 0) return findings;
  }
  return [];
}
