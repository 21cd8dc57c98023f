import { isDeepStrictEqual } from 'node:util';
import type { MultiNicNetwork } from '../core/api/types.ts';
import { MultiNicError } from '../core/errors.ts';
import { changedPages } from '../core/layout/assignHostIndexes.ts';
import { newPage } from '../core/layout/cidrPage.ts';
import { hostIndexes, type HostPage, pageName } from '../core/layout/hostIndex.ts';
import type { ImportPlan } from '../core/predecessor/plan.ts';
import type { KubeClient } from '../kube/api/client.ts';
import { isConflict } from '../kube/api/errors.ts';
import { cidrs, multiNicNetworks } from '../kube/api/resources.ts';
import type { PoolStore } from '../kube/pools/poolStore.ts';
import { eachOf } from '../kube/process/eachOf.ts';

/** One network, its pages as they were read, and what to make of them. */
export interface NetworkImport {
  object: MultiNicNetwork;
  pages: readonly HostPage[];
  plan: ImportPlan;
}

/** Records that are tried or written at the same time: those of one pool go into one request. */
export const recordsAtOnce = 32;

/**
 * Writes the indexes, then the records. Each write fails if the object has changed since it was read.
 * @throws ApiError, TransportError; MultiNicError MNN_IMPORT_CRDS where the API server drops our fields
 */
export async function writePlan(
  client: KubeClient,
  store: PoolStore,
  { object, pages, plan }: NetworkImport,
  timeoutMs: number,
): Promise<void> {
  const { name, uid: networkUid = '' } = object.metadata;
  const { interfaces, records } = plan;
  const written = await writeInterfaces(client, object, interfaces);
  if (interfaces.length > 0 && !written.status?.interfaces) {
    throw new MultiNicError(
      'MNN_IMPORT_CRDS',
      `multinicnetwork ${name}: the API server does not keep status.interfaces`,
    );
  }
  for (const { page, hosts } of changedPages(pages, new Map([...hostIndexes(pages), ...plan.hostIndexes]))) {
    const spec = { network: name, page, hosts };
    const before = pages.some(known => known.page === page);
    if (!before) await client.create(cidrs, newPage(object, spec));
    else {
      const stored = await client.get(cidrs, { name: pageName(name, page) });
      const { resourceVersion: version } = stored.metadata;
      await client.patch(cidrs, stored.metadata, 'merge', { metadata: { resourceVersion: version }, spec });
    }
  }
  await eachOf(records, recordsAtOnce, async ({ pool, claim }) => {
    await store.allocate({ ...pool, networkUid }, claim, { timeoutMs });
  });
}

/** The controller writes other parts of the status meanwhile: that is no reason to fail, as long as what the plan rests on is as it was read. */
async function writeInterfaces(
  client: KubeClient,
  object: MultiNicNetwork,
  interfaces: ImportPlan['interfaces'],
): Promise<MultiNicNetwork> {
  for (let latest = object; ;) {
    const { name, resourceVersion } = latest.metadata;
    const patch = { metadata: { resourceVersion }, status: { interfaces } };
    try {
      return await client.patch(multiNicNetworks, { name }, 'merge', patch, { subresource: 'status' });
    } catch (error) {
      if (!isConflict(error)) throw error;
      latest = await client.get(multiNicNetworks, { name });
      if (!isDeepStrictEqual(basisOf(latest), basisOf(object))) throw error;
    }
  }
}

function basisOf({ metadata, status }: MultiNicNetwork): unknown {
  return [metadata.uid, metadata.generation, status?.interfaces];
}
