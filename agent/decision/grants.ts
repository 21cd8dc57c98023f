import { type Attachments, readAttachments } from '../../core/annotation/attachments.ts';
import { interfacesIn, readNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import type { AllocatedNic, DeviceClass } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import type { Network } from '../../core/network/network.ts';
import { type Claimant, type Holder, holderOf, isHeldBy } from '../../core/pool/holder.ts';
import { reservationPool } from '../../core/pool/reservationPool.ts';
import { keepsRecords } from '../../core/selection/loads.ts';
import type { NicRequest } from '../../core/selection/request.ts';
import type { DevicePlacement } from '../../core/selection/types.ts';
import { classOf, strategyOf } from '../../core/selection/wish.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { claimantOf } from '../../kube/grants/claimantOf.ts';
import { grantOnNode, type GrantRequest } from '../../kube/grants/grant.ts';
import type { Granted } from '../../kube/grants/granted.ts';
import { sharersOf } from '../../kube/grants/sharedNics.ts';
import { tellChoice } from '../../kube/grants/tellChoice.ts';
import { whenReady } from '../../kube/grants/whenReady.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';
import type { PoolRecords } from '../copies/poolRecords.ts';
import type { KubeletDevices } from '../devices/kubeletDevices.ts';
import { devicePlacement } from './devicePlacement.ts';
import type { PodDevice } from './podDevices.ts';
import { type Budget, lagMs, requestOf, type Wanted } from './wanted.ts';

export interface GrantsOptions {
  readonly view: ClusterView;
  readonly records: PoolRecords;
  readonly store: PoolStore;
  readonly node: string;
  readonly kubelet: KubeletDevices;
  readonly events: Pick<EventRecorder, 'record'>;
  /** Where sysfs is mounted. */
  readonly sysfs: string;
  /** The DeviceClass of that name, read from the API server: few pods name one, so none is watched. */
  readonly findClass: (name: string, signal: AbortSignal) => Promise<DeviceClass | undefined>;
}

/**
 * What attachments hold of a network's NICs and addresses. The record in the pool is the truth: the addresses in the pod's annotation only
 * tell where to look for it, as a pod's author can write annotations. Without a record the agent grants these, like any that a pod asks for, or if it
 * cannot, chooses and takes others.
 */
export class Grants {
  readonly #options: GrantsOptions;

  constructor(options: GrantsOptions) {
    this.#options = options;
  }

  /**
   * What the attachment's record holds, or else a new one.
   * @param devices that the kubelet assigned for it
   * @throws MultiNicError of the grant or the devices, ApiError, TransportError
   */
  async of(known: KnownNetwork, wanted: Wanted, devices: readonly PodDevice[], budget: Budget): Promise<Granted> {
    const { signal, remainingMs } = budget;
    const { view, store, node, events } = this.#options;
    const { network } = known.state;
    const claimant = claimantOf(wanted.pod, wanted.ifname);
    const attachments = readAttachments(wanted.cniArgs);
    const held = await this.#held(network, wanted, attachments, remainingMs);
    if (held) return held;
    const request = requestFor(network, requestOf(wanted), attachments, devices);
    const tell = ({ nics, short }: Pick<Granted, 'nics' | 'short'>): void => {
      tellChoice(events, wanted.pod, node, [{ network, ifname: wanted.ifname, request, nics, short }]);
    };
    if (devices.length > 0 && !network.ownAddresses) {
      const nics = devices.map(onDevice);
      tell({ nics });
      return { nics, pool: undefined };
    }
    const deviceClass = await this.#deviceClass(network, request, signal);
    const placement = await this.#placement(network, wanted.pod, signal);
    const grantee = { network: network.name, node, claimant, request, ips: wanted.ips, deviceClass, placement };
    const grant = (asked: GrantRequest): Promise<Granted> =>
      grantOnNode(view, store, { ...asked, node }, { timeoutMs: remainingMs() });
    // What is decided on the node alone was never given at admission.
    const isLost = network.ownAddresses && !network.onNode && attachments && wanted.ips.length === 0;
    const lost = isLost ? askedAgain(grantee, attachments) : undefined;
    const granted = await whenReady(lagMs, () => grantEither(grant, lost, grantee));
    tell(granted);
    return granted;
  }

  /** What the known record holds; undefined if it may be wrong, or there is none. */
  async #held(
    network: Network,
    { pod, ifname }: Wanted,
    attachments: Attachments | undefined,
    remainingMs: () => number,
  ): Promise<Granted | undefined> {
    const { records, store, node } = this.#options;
    const claimant = claimantOf(pod, ifname);
    const held = records.known(network, claimant);
    if (held && (attachments || !this.#mayBeUnsettled(network))) {
      return { nics: held.allocation.nics, pool: held.pool };
    }
    const hinted = attachments && reservationPool(network, attachments, node);
    if (hinted === undefined) return undefined;
    const own = await store.confirm(hinted, holderIn(network, pod, claimant), {
      timeoutMs: remainingMs(),
      interfaceName: claimant.interface,
    });
    const record = own.find(one => isHeldBy(one, claimant));
    return record && { nics: record.nics, pool: hinted };
  }

  /**
   * Whether the record may be one that was never compared with those of other networks on the same NICs, as its writer died before. If its
   * decision has reached the pod, it was compared. Granting again makes up for it.
   */
  #mayBeUnsettled(network: Network): boolean {
    const { view, node } = this.#options;
    const host = view.host(node)?.spec;
    return host !== undefined && sharersOf(view, network, host).length > 0;
  }

  /** Undefined if the strategy does not consider it. @throws MultiNicError MNN_KUBELET_DEVICES */
  async #placement(network: Network, pod: Pod, signal: AbortSignal): Promise<DevicePlacement | undefined> {
    if (strategyOf(network) !== 'topology' || network.handedOut) return undefined;
    const { kubelet, sysfs } = this.#options;
    return devicePlacement(await kubelet.of(pod, signal), sysfs);
  }

  /** @throws MultiNicError MNN_CLASS_UNKNOWN, ApiError, TransportError */
  async #deviceClass(network: Network, request: NicRequest, signal: AbortSignal): Promise<DeviceClass | undefined> {
    const name = classOf(network, request);
    if (name === undefined) return undefined;
    const deviceClass = await this.#options.findClass(name, signal);
    if (deviceClass) return deviceClass;
    throw new MultiNicError('MNN_CLASS_UNKNOWN', `network ${network.name}: there is no DeviceClass "${name}"`);
  }
}

/** What admission gave, whose record the pool has lost, as if the pod asked for it: granted if it is free and the pod may have it. */
function askedAgain(grantee: GrantRequest, attachments: Attachments): GrantRequest {
  const masters = attachments.flatMap(({ master }) => master ?? []);
  const ips = attachments.flatMap(({ addresses }) => addresses.map(withoutPrefix));
  const request = masters.length > 0 ? { ...grantee.request, masters, nics: masters.length } : grantee.request;
  return { ...grantee, request, ips };
}

/** @throws what the second is refused with, ApiError, TransportError */
async function grantEither(
  grant: (asked: GrantRequest) => Promise<Granted>,
  first: GrantRequest | undefined,
  second: GrantRequest,
): Promise<Granted> {
  if (!first) return grant(second);
  try {
    return await grant(first);
  } catch (error) {
    if (!(error instanceof MultiNicError)) throw error;
    return grant(second);
  }
}

/**
 * Devices determine their NICs. Without a record in a pool, the NICs that admission chose are a wish like the pod's own: the grant checks
 * that they are the network's.
 */
function requestFor(
  network: Network,
  asked: NicRequest,
  attachments: Attachments | undefined,
  devices: readonly PodDevice[],
): NicRequest {
  if (devices.length > 0) return { masters: devices.map(({ master }) => master) };
  const chosen = attachments?.flatMap(({ master }) => master ?? []);
  return keepsRecords(network) || !chosen?.length ? asked : { ...asked, masters: chosen, nics: chosen.length };
}

function onDevice({ master }: PodDevice): AllocatedNic {
  return { master, netAddress: '', addresses: [] };
}

/** The pod, with its interfaces in the network: what was reserved for others is given back. */
function holderIn({ name }: Network, pod: Pod, claimant: Claimant): Holder {
  const elements = readNetworks(pod.metadata.annotations?.[annotation.networks] ?? '');
  return { ...holderOf(claimant), ...(elements && { interfaces: interfacesIn(elements, name) }) };
}
