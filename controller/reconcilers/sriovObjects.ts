import { isSetByAlone } from '../../core/api/fieldOwners.ts';
import { component } from '../../core/api/names.ts';
import { networkOwner, ownedBy } from '../../core/api/owner.ts';
import type { ApiObject, ObjectMeta } from '../../core/api/types.ts';
import { messageOf } from '../../core/errors.ts';
import { ownResource } from '../../core/network/deviceResource.ts';
import type { Network } from '../../core/network/network.ts';
import { mendedSpec } from '../../core/sriov/mend.ts';
import * as sriov from '../../core/sriov/objects.ts';
import { rootDevices } from '../../core/sriov/rootDevices.ts';
import type { DevicesProblem } from '../../core/status/definitions.ts';
import { isLostRace, isNotFound } from '../../kube/api/errors.ts';
import { sriovNetworks, sriovNodePolicies } from '../../kube/api/resources.ts';
import type { Resource } from '../../kube/api/types.ts';
import type { WorkResult } from '../../kube/process/workQueue.ts';
import type { KnownNetwork } from '../../kube/view/clusterView.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import type { OptionalResource } from '../context/optionalResource.ts';
import type { OptionalResources } from '../context/optionalResources.ts';
import { readableNetwork } from '../context/readableNetwork.ts';

/** As in definitions.ts: for a copy that does not bring the key back. */
const recheckMs = 30_000;

const noNamespace =
  `there is no namespace ${sriov.sriovNamespace}: create it for the SR-IOV network operator, ` +
  'or name an existing resource in spec.plugin.args.resourceName';

type Optional = Pick<OptionalResources, 'sriovPolicies' | 'sriovNetworks'>;

/** One object as it should be, and how it is compared. */
interface Kept<Spec extends object> {
  resource: Resource<ApiObject<Spec>>;
  optional: OptionalResource<ApiObject<Spec>>;
  name: string;
  wanted: ApiObject<Spec> | undefined;
  /** Ours. */
  fields: readonly (keyof Spec & string)[];
  /** Ours where we have set them. */
  sharedFields?: readonly (keyof Spec & string)[];
}

/**
 * Keeps the objects that the SR-IOV network operator makes virtual functions from, for networks of type `sriov`, where the cluster has those
 * resources. Objects of such a name that the network does not own are left alone.
 */
export class SriovObjects {
  readonly #context: LeaderContext;
  readonly #optional: Optional;
  readonly #failures = new Map<string, string>();

  constructor(context: LeaderContext, optional: Optional) {
    this.#context = context;
    this.#optional = optional;
  }

  /** What keeps the network's virtual functions from being made; undefined where nothing does, or nothing needs to be made. */
  problem(network: Network): DevicesProblem | undefined {
    const { sriovPolicies } = this.#optional;
    if (!sriov.makesDevices(network) || sriovPolicies.installed !== true) return undefined;
    const found = sriovPolicies.informer.get({ namespace: sriov.sriovNamespace, name: network.name });
    const detail = this.#failures.get(network.name) ?? (found && foreignProblem(network, found));
    return detail === undefined ? undefined : { reason: 'SriovObjectsMissing', message: detail };
  }

  /** @param name of a network */
  async reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    if (this.#optional.sriovPolicies.installed !== true && this.#optional.sriovNetworks.installed !== true) return {};
    const read = readableNetwork(this.#context.view, name);
    if (read.kind === 'unusable') return {};
    const { informers } = this.#context;
    if (!informers.namespaces.get(sriov.sriovNamespace)) {
      this.#failures.set(name, noNamespace);
      return {};
    }
    try {
      if (read.kind === 'gone') await this.#remove(name, signal);
      else await this.#makeSure(read.known, signal);
      this.#failures.delete(name);
      return {};
    } catch (error) {
      if (isLostRace(error) || isNotFound(error)) return { requeueAfterMs: recheckMs };
      this.#failures.set(name, `the SR-IOV objects cannot be written: ${messageOf(error)}`);
      throw error;
    }
  }

  async #remove(name: string, signal: AbortSignal): Promise<void> {
    await this.#keep(this.#policy(name, undefined), name, signal);
    await this.#keep(this.#network(name, undefined), name, signal);
  }

  async #makeSure({ object, state: { network } }: KnownNetwork, signal: AbortSignal): Promise<void> {
    const owner = ownedBy(object.metadata);
    const policy = sriov.sriovPolicyOf(network, owner, this.#devices(network));
    // Without any NIC known a policy that is there stays as it is.
    if (policy || !sriov.makesDevices(network)) {
      await this.#keep(this.#policy(network.name, policy), network.name, signal);
    }
    await this.#keep(this.#network(network.name, sriov.sriovNetworkOf(network, owner)), network.name, signal);
  }

  #policy(name: string, wanted: sriov.SriovNodePolicy | undefined): Kept<sriov.SriovNodePolicySpec> {
    const optional = this.#optional.sriovPolicies;
    return { resource: sriovNodePolicies, optional, name, wanted, fields: sriov.policyFields };
  }

  #network(network: string, wanted: sriov.SriovNetwork | undefined): Kept<sriov.SriovNetworkSpec> {
    const name = sriov.sriovNetworkName(network);
    const optional = this.#optional.sriovNetworks;
    const fields = { fields: sriov.networkFields, sharedFields: sriov.sharedNetworkFields };
    return { resource: sriovNetworks, optional, name, wanted, ...fields };
  }

  #devices(network: Network): string[] {
    const { informers, surveys } = this.#context;
    const stored = this.#optional.sriovPolicies.informer.get({ namespace: sriov.sriovNamespace, name: network.name });
    const kept = stored && isOurs(stored.metadata, network.name) ? stored.spec.nicSelector.rootDevices : [];
    return rootDevices(informers.hosts.list(), host => surveys.members(network, host), kept);
  }

  async #keep<Spec extends object>(kept: Kept<Spec>, network: string, signal: AbortSignal): Promise<void> {
    const { resource, optional, name, wanted, fields } = kept;
    if (optional.installed !== true) return;
    const { client } = this.#context;
    const options = { signal, fieldManager: component.controller };
    const found = optional.informer.get({ namespace: sriov.sriovNamespace, name });
    if (!found) {
      if (wanted) await client.create(resource, wanted, options);
      return;
    }
    if (!isOurs(found.metadata, network) || found.metadata.deletionTimestamp !== undefined) return;
    if (!wanted) {
      await client.delete(resource, found.metadata, { signal, preconditions: { uid: found.metadata.uid } });
      return;
    }
    const metadata = mendedMetadata(found.metadata, wanted.metadata);
    const given = await this.#givenUp(kept, found, wanted, signal);
    const spec = mendedSpec(found.spec, wanted.spec, [...fields, ...given]);
    if (metadata ?? spec) {
      const changed = { ...found, metadata: metadata ?? found.metadata, spec: (spec ?? found.spec) as Spec };
      await client.update(resource, changed, options);
    }
  }

  /** Shared fields that are not wanted any more, and that nobody else has set. The copies do not show who has. */
  async #givenUp<Spec extends object>(
    { resource, sharedFields = [] }: Kept<Spec>,
    found: ApiObject<Spec>,
    wanted: ApiObject<Spec>,
    signal: AbortSignal,
  ): Promise<(keyof Spec & string)[]> {
    const unwanted = sharedFields.filter(field => field in found.spec && !(field in wanted.spec));
    if (unwanted.length === 0) return [];
    const stored = await this.#context.client.find(resource, found.metadata, { signal });
    return unwanted.filter(field => stored && isSetByAlone(stored.metadata, component.controller, ['spec', field]));
  }
}

function isOurs(metadata: ObjectMeta, network: string): boolean {
  return networkOwner(metadata)?.name === network;
}

/** With the owner of today, where the network was deleted and made again; undefined where it has it. */
function mendedMetadata(found: ObjectMeta, wanted: ObjectMeta): ObjectMeta | undefined {
  const [owner] = wanted.ownerReferences ?? [];
  const before = networkOwner(found);
  if (before?.uid === owner?.uid) return undefined;
  const others = (found.ownerReferences ?? []).filter(reference => reference !== before);
  return { ...found, ownerReferences: [...others, ...(wanted.ownerReferences ?? [])] };
}

/** Somebody else's policy of the network's name does as well, if it is for the same resource. */
function foreignProblem({ name }: Network, { metadata, spec }: sriov.SriovNodePolicy): string | undefined {
  const resource = ownResource(name);
  if (isOurs(metadata, name) || spec.resourceName === resource) return undefined;
  return (
    `SriovNetworkNodePolicy ${metadata.namespace ?? ''}/${name} is not ours and makes ${spec.resourceName}, not ${resource}: ` +
    'delete or rename it, or name its resource in spec.plugin.args.resourceName'
  );
}
