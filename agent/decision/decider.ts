import { annotation } from '../../core/api/names.ts';
import type { AllocatedNic, DeviceClass } from '../../core/api/types.ts';
import { readAttachments, type Attachments } from '../../core/annotation/attachments.ts';
import { cniCodes, cniError } from '../../core/cni/error.ts';
import { isMultiNicError, MultiNicError } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import { bareAddress } from '../../core/net/interfaceAddress.ts';
import type { Network } from '../../core/network/network.ts';
import { takesMac } from '../../core/network/nicUse.ts';
import { checkAskedAddresses } from '../../core/pod/askedAddresses.ts';
import { checkApplies } from '../../core/pod/selectNetworks.ts';
import { holderOf, isHeldBy, type Claimant } from '../../core/pool/holder.ts';
import { reservationPool } from '../../core/pool/reservationPool.ts';
import { keepsRecords } from '../../core/selection/loads.ts';
import { readNicRequest, type NicRequest } from '../../core/selection/request.ts';
import type { DevicePlacement } from '../../core/selection/types.ts';
import { classOf, strategyOf } from '../../core/selection/wish.ts';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import { grantOnNode, type Granted } from '../../kube/grants/grant.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { sharersOf } from '../../kube/grants/sharedNics.ts';
import { tellChoice } from '../../kube/grants/tellChoice.ts';
import { whenReady } from '../../kube/grants/whenReady.ts';
import type { Attachment } from '../attach/attachment.ts';
import { withoutDefaults } from '../attach/defaultRoutes.ts';
import { pluginOf } from '../attach/plugin.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointDelegate } from '../checkpoint/entry.ts';
import type { KubeletDevices } from '../devices/kubeletDevices.ts';
import type { PoolRecords } from '../records/poolRecords.ts';
import { attachmentNics } from './attachmentNics.ts';
import { devicePlacement } from './devicePlacement.ts';
import { mastersOf } from './masters.ts';
import { devicesOfOthers, resourcesOf } from './otherDevices.ts';
import { podDevices, type PodDevice } from './podDevices.ts';
import { checkRecorded } from './recorded.ts';

/** How long the node's copies may lag behind those of whoever admitted the pod, ms: a runtime that is refused makes the sandbox anew. */
const lagMs = 5000;

/** What a call asks for: one network for one interface of one pod. */
export interface Wanted {
  readonly containerId: string;
  readonly ifname: string;
  readonly callIfname: string;
  readonly configName: string;
  readonly netns: string;
  readonly network: string;
  readonly pod: Pod;
  /** CNI_ARGS and CNI_PATH of the call. */
  readonly call: { readonly args: string; readonly path: string };
  readonly cniArgs: Record<string, unknown> | undefined;
  readonly ips: readonly string[];
  readonly mac: string | undefined;
  readonly deviceID: string | undefined;
  /** Gateways of the selection's `default-route`, where it is the agent's to make. */
  readonly defaultRoute: readonly string[];
  /** Families whose default route the pod's selection gives to an attachment, this one or another. */
  readonly defaultFamilies: readonly (4 | 6)[];
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
}

/** Within which a decision must be made. */
export interface Budget {
  readonly signal: AbortSignal;
  readonly remainingMs: () => number;
}

export interface DeciderOptions {
  readonly view: ClusterView;
  readonly records: PoolRecords;
  readonly store: PoolStore;
  readonly node: string;
  readonly checkpoint: Checkpoint;
  readonly kubelet: KubeletDevices;
  readonly events: Pick<EventRecorder, 'record'>;
  /** Where sysfs is mounted. */
  readonly sysfs: string;
  /** The DeviceClass of that name, asked of the API server: few pods name one, so none is watched. */
  readonly findClass: (name: string, signal: AbortSignal) => Promise<DeviceClass | undefined>;
}

/**
 * Decides how an attachment is made. The record in the pool is the truth: what the pod's annotation says of addresses only tells where
 * to look for it, as a pod's author can write annotations. Without a record the agent chooses and takes addresses itself.
 */
export class Decider {
  readonly #options: DeciderOptions;

  constructor(options: DeciderOptions) {
    this.#options = options;
  }

  /**
   * @throws CniError code 2 or 7 (the network's plugin), MultiNicError of the grant, the devices or the IPAM, ApiError, TransportError
   */
  async decide(wanted: Wanted, budget: Budget): Promise<Attachment> {
    const { view } = this.#options;
    const namespace = wanted.pod.metadata.namespace ?? '';
    const known = await whenReady(lagMs, () => view.mustHave(wanted.network), isUnknown);
    checkApplies(view, wanted.network, namespace);
    checkAskedAddresses(known.state.network, { ips: wanted.ips, gateways: wanted.defaultRoute });
    const { network } = known.state;
    const plugin = pluginOf(network);
    const devices = await this.#devices(known, wanted, budget.signal);
    const granted = await this.#grant(known, wanted, devices, budget);
    checkRecorded(network, granted.nics);
    if (network.ownAddresses) checkIps(granted.nics, wanted.ips);
    if (wanted.mac !== undefined && granted.nics.length > 1 && takesMac(network)) {
      throw cniError(
        cniCodes.invalidConfig,
        'MNN_MAC_MANY',
        `the pod asks for the hardware address ${wanted.mac} on ${granted.nics.length} NICs`,
      );
    }
    const { containerId, ifname, callIfname, configName, netns, pod, call } = wanted;
    const host = view.host(this.#options.node)?.spec;
    const masters = mastersOf(known.state, granted.nics, host, this.#options.node);
    return {
      containerId,
      ifname,
      callIfname,
      configName,
      netns,
      network: network.name,
      plugin,
      pod: { uid: pod.metadata.uid ?? '', namespace, name: pod.metadata.name },
      ...(granted.pool === undefined ? {} : { pool: granted.pool }),
      call,
      nics: attachmentNics(network, plugin, wanted, { nics: granted.nics, masters, devices, host }),
      routes: withoutDefaults(network.ipam.routes, wanted.defaultFamilies),
      defaultRoute: wanted.defaultRoute,
      defaultFamilies: wanted.defaultFamilies,
      dns: { ...network.spec.plugin.dns },
    };
  }

  /** Devices that the kubelet assigned, without those of the sandbox's other attachments. */
  async #devices(known: KnownNetwork, wanted: Wanted, signal: AbortSignal): Promise<PodDevice[]> {
    const { network } = known.state;
    if (!network.handedOut) return [];
    const { pod, ifname, deviceID: handed } = wanted;
    const { view, checkpoint, kubelet, sysfs } = this.#options;
    const held = checkpoint
      .others(wanted)
      .flatMap(({ links }) => links.flatMap(({ delegate }) => deviceOf(delegate) ?? []));
    const resources = resourcesOf(known);
    const wish = {
      resources,
      count: requestOf(network, wanted).nics,
      handed,
      taken: new Set(held),
      others: devicesOfOthers(view, pod, ifname, resources),
    };
    return podDevices(network, await kubelet.of(pod, signal), wish, sysfs);
  }

  /** The record that there is, else a new one. */
  async #grant(known: KnownNetwork, wanted: Wanted, devices: readonly PodDevice[], budget: Budget): Promise<Granted> {
    const { signal, remainingMs } = budget;
    const { view, records, store, node, events } = this.#options;
    const { network } = known.state;
    const claimant = claimantOf(wanted);
    const attachments = readAttachments(wanted.cniArgs);
    const held = records.known(network, claimant);
    if (held && (attachments || !this.#mayBeUnsettled(network))) {
      return { nics: held.allocation.nics, pool: held.pool };
    }
    const hinted = attachments && reservationPool(network, attachments, node);
    if (hinted !== undefined) {
      const own = await store.confirm(hinted, holderOf(claimant), { timeoutMs: remainingMs() }, wanted.ifname);
      const record = own.find(one => isHeldBy(one, claimant));
      if (record) return { nics: record.nics, pool: hinted };
    }
    const request = requestFor(network, requestOf(network, wanted), attachments, devices);
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
    const granted = await whenReady(lagMs, () => grantOnNode(view, store, grantee, { timeoutMs: remainingMs() }));
    tell(granted);
    return granted;
  }

  /**
   * Whether a record may stand that nobody has compared with those of other networks on the same NICs: who wrote it may have died before.
   * Where its decision has reached the pod, it has not. Granting again finds out.
   */
  #mayBeUnsettled(network: Network): boolean {
    const { view, node } = this.#options;
    const host = view.host(node)?.spec;
    return host !== undefined && sharersOf(view, network, host).length > 0;
  }

  /** Undefined where the strategy does not look at it. @throws MultiNicError MNN_KUBELET_DEVICES */
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

/**
 * Devices decide for themselves. Where no pool has a record, the NICs that admission chose are a wish like the pod's own: the grant checks
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

function isUnknown(error: unknown): boolean {
  return isMultiNicError(error) && error.code === 'MNN_NETWORK_UNKNOWN';
}

function requestOf({ name }: Network, { cniArgs, pod }: Wanted): NicRequest {
  return readNicRequest(cniArgs, `the selection of ${name}`, pod.metadata.annotations);
}

function onDevice({ master }: PodDevice): AllocatedNic {
  return { master, netAddress: '', addresses: [] };
}

function deviceOf(delegate: CheckpointDelegate | undefined): string | undefined {
  const runtimeConfig = delegate?.conf.runtimeConfig;
  return isRecord(runtimeConfig) && typeof runtimeConfig.deviceID === 'string' ? runtimeConfig.deviceID : undefined;
}

function claimantOf({ pod, ifname }: Wanted): Claimant {
  const reservation = pod.metadata.annotations?.[annotation.reservation];
  return {
    podUID: pod.metadata.uid ?? '',
    ...(reservation === undefined ? {} : { reservation }),
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    interface: ifname,
  };
}

/** CONVENTIONS.md of CNI: a plugin that is given `ips` must use them, or fail. */
function checkIps(nics: readonly AllocatedNic[], ips: readonly string[]): void {
  const held = new Set(nics.flatMap(({ addresses }) => addresses.map(bareAddress)));
  const missing = ips.filter(ip => !held.has(bareAddress(ip)));
  if (missing.length === 0) return;
  throw cniError(
    cniCodes.noAttachment,
    'MNN_IPS_DIFFER',
    `the pod asks for ${missing.join(', ')}, but holds ${[...held].join(', ')}`,
  );
}
