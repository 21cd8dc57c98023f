import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { parseAllDocuments } from 'yaml';
import type { Cidr, HostInterface, IPPool, MultiNicNetwork } from '../core/api/types.ts';
import { defined } from '../core/defined.ts';
import { isMultiNicError, MultiNicError } from '../core/errors.ts';
import { hostIndexes } from '../core/layout/hostIndex.ts';
import { readNetwork } from '../core/network/network.ts';
import { type ImportedPod, importedPod } from '../core/predecessor/attachments.ts';
import { isOurs, type OldCidr, type Predecessor, readPredecessor } from '../core/predecessor/objects.ts';
import { planImport } from '../core/predecessor/plan.ts';
import { validateSpecification } from '../core/validation/validate.ts';
import { KubeClient } from '../kube/api/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, type Pod, pods } from '../kube/api/resources.ts';
import { PoolStore } from '../kube/pools/poolStore.ts';
import { eachOf } from '../kube/process/eachOf.ts';
import { createLogger } from '../kube/process/log.ts';
import type { ImportFlags } from './flags.ts';
import { freeNetworks, removeOld, restoreHosts } from './importCleanup.ts';
import { importReport } from './importReport.ts';
import { type NetworkImport, recordsAtOnce, writePlan } from './importWrite.ts';

/** For one write, conflicts and retries included, in milliseconds. */
const writeTimeoutMs = 30_000;

/** What the cluster has now. */
interface ClusterState {
  networks: ReadonlyMap<string, MultiNicNetwork>;
  pages: readonly Cidr[];
  pools: readonly IPPool[];
  hosts: readonly HostInterface[];
  pods: readonly ImportedPod[];
}

/**
 * Imports what the predecessor left. Everything is planned and checked first; if anything cannot be kept, nothing is written. It can be
 * run again after any failure: what is already there is left alone.
 * @returns the report, and whether everything could be kept
 * @throws where the file cannot be read, or the API server refuses
 */
export async function runImport(flags: ImportFlags): Promise<{ report: string; isClean: boolean }> {
  const old = readPredecessor(await readDocuments(flags.file));
  await using client = await KubeClient.connect({ userAgent: 'kubectl-multinic', ...flags.connection });
  const chosen = old.cidrs.filter(({ metadata }) => flags.network === undefined || metadata.name === flags.network);
  if (flags.network !== undefined && chosen.length === 0) {
    throw new MultiNicError('MNN_NETWORK_UNKNOWN', `there is no CIDR of a network "${flags.network}" in the file`);
  }
  const state = await readCluster(client);
  const store = new PoolStore(client, { logger: createLogger('kubectl-multinic', process.stderr), untracked: true });
  const inScope = [...state.networks.values()].filter(
    ({ metadata }) => flags.network === undefined || metadata.name === flags.network,
  );
  const refusals = inScope.flatMap(unknownStrategy);
  const imports: NetworkImport[] = [];
  for (const cidr of chosen) {
    const planned = plan(cidr, old, state);
    if (isMultiNicError(planned)) refusals.push(planned);
    else {
      imports.push(planned);
      refusals.push(...planned.plan.refusals, ...(await tryRecords(store, planned)));
    }
  }
  const isClean = refusals.length === 0;
  if (isClean && !flags.dryRun) {
    await restoreHosts(client, old.hosts, state.hosts);
    for (const one of imports) {
      await writePlan(client, store, one, writeTimeoutMs);
      await removeOld(client, one.object.metadata.name, old);
    }
    await freeNetworks(client, inScope);
  }
  const outcome = isClean ? (flags.dryRun ? 'to be imported' : 'imported') : 'nothing was written';
  return { report: importReport(imports, refusals, outcome), isClean };
}

async function readDocuments(file: string): Promise<unknown[]> {
  const content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  return parseAllDocuments(content).map((document): unknown => {
    const [fault] = document.errors;
    if (fault) throw new MultiNicError('MNN_IMPORT_UNREADABLE', `${file}: ${fault.message.split('\n')[0] ?? ''}`);
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  });
}

async function readCluster(client: KubeClient): Promise<ClusterState> {
  const { items: networks } = await client.list(multiNicNetworks);
  const { items: pages } = await client.list(cidrs);
  const { items: pools } = await client.list(ipPools);
  const { items: hosts } = await client.list(hostInterfaces);
  const { items: podObjects } = await client.list(pods, { transform: trimPod });
  return {
    networks: new Map(networks.map(object => [object.metadata.name, object])),
    pages: pages.filter(isOurs),
    pools: pools.filter(isOurs),
    hosts,
    pods: podObjects.map(importedPod),
  };
}

/** What an import looks at: there may be 150,000 pods, of ten kilobytes each. */
function trimPod({ metadata, spec, status }: Pod): Pod {
  const { name, namespace, uid, annotations, creationTimestamp } = metadata;
  return {
    metadata: defined({ name, namespace, uid, annotations, creationTimestamp }),
    spec: defined({ containers: [], nodeName: spec?.nodeName }),
    status: defined({
      phase: status?.phase,
      podIPs: status?.podIPs,
      containerStatuses: status?.containerStatuses,
    }),
  };
}

/** The operator took a strategy that does not exist for none. By our schema the API server refuses every write of such a network, up to 1.29. */
function unknownStrategy(object: MultiNicNetwork): MultiNicError[] {
  return validateSpecification(object)
    .filter(({ code }) => code === 'MNN_STRATEGY_UNKNOWN')
    .map(({ code, path, detail }) => new MultiNicError(code, `network ${object.metadata.name}: ${path}: ${detail}`));
}

function plan(cidr: OldCidr, old: Predecessor, state: ClusterState): NetworkImport | MultiNicError {
  const { name } = cidr.metadata;
  const object = state.networks.get(name);
  if (!object) return new MultiNicError('MNN_NETWORK_UNKNOWN', `cidr ${name}: there is no MultiNicNetwork "${name}"`);
  try {
    const pages = state.pages.filter(({ spec }) => spec.network === name).map(({ spec }) => spec);
    const made = planImport({
      state: { network: readNetwork(object), interfaces: object.status?.interfaces ?? [] },
      hostIndexes: hostIndexes(pages),
      cidr,
      pools: old.pools.filter(({ spec }) => spec.netAttachDef === name),
      hosts: new Map([...old.hosts, ...state.hosts].map(({ spec }) => [spec.hostName, spec])),
      pods: state.pods,
    });
    return { object, pages, plan: made };
  } catch (error) {
    if (isMultiNicError(error)) return error;
    throw error;
  }
}

/** Whether each record can be written: another pod may have the address by now, or it may have been excluded. */
async function tryRecords(store: PoolStore, { object, plan: { records } }: NetworkImport): Promise<MultiNicError[]> {
  const refused = new Map<object, MultiNicError>();
  // Those of one pool follow each other, and are tried with one request.
  await eachOf(records, recordsAtOnce, async record => {
    const ref = { ...record.pool, networkUid: object.metadata.uid ?? '' };
    await store.allocate(ref, record.claim, { timeoutMs: writeTimeoutMs, dryRun: true }).catch((error: unknown) => {
      if (!isMultiNicError(error)) throw error;
      refused.set(record, error);
    });
  });
  return records.flatMap(record => refused.get(record) ?? []);
}
