import type { AllocatedNic } from '../../core/api/types.ts';
import { cniCodes, cniError } from '../../core/cni/error.ts';
import { isMultiNicError } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import { bareAddress } from '../../core/net/interfaceAddress.ts';
import { takesMac } from '../../core/network/nicUse.ts';
import { checkAskedAddresses } from '../../core/pod/askedAddresses.ts';
import { checkApplies } from '../../core/pod/selectNetworks.ts';
import { whenReady } from '../../kube/grants/whenReady.ts';
import type { KnownNetwork } from '../../kube/view/clusterView.ts';
import type { Attachment } from '../attach/attachment.ts';
import { withoutDefaults } from '../attach/defaultRoutes.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointDelegate } from '../checkpoint/entry.ts';
import { pluginOf } from '../delegate/plugin.ts';
import { attachmentNics } from './attachmentNics.ts';
import { Grants, type GrantsOptions } from './grants.ts';
import { mastersOf } from './masters.ts';
import { devicesOfOthers, resourcesOf } from './otherDevices.ts';
import { type PodDevice, podDevices } from './podDevices.ts';
import { checkRecorded } from './recorded.ts';
import { type Budget, lagMs, requestOf, type Wanted } from './wanted.ts';

export interface DeciderOptions extends GrantsOptions {
  readonly checkpoint: Checkpoint;
}

/** Decides how an attachment is made. */
export class Decider {
  readonly #options: DeciderOptions;
  readonly #grants: Grants;

  constructor(options: DeciderOptions) {
    this.#options = options;
    this.#grants = new Grants(options);
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
    const granted = await this.#grants.of(known, wanted, devices, budget);
    checkRecorded(known.state, granted.nics);
    if (network.ownAddresses) checkIps(granted.nics, wanted.ips);
    if (takesMac(network)) checkMac(granted.nics, wanted.mac);
    const { containerId, ifname, callIfname, configName, netns, pod, call } = wanted;
    const host = view.host(this.#options.node)?.spec;
    const masters = mastersOf(known.state, granted.nics, host, this.#options.node);
    const nics = attachmentNics(network, plugin, wanted, { nics: granted.nics, masters, devices, host });
    const isDecided =
      plugin.type === 'ptp' || wanted.ips.length > 0 || nics.some(({ addresses }) => addresses.length > 0);
    return {
      since: budget.since,
      containerId,
      ifname,
      callIfname,
      configName,
      netns,
      network: network.name,
      plugin,
      pod: { uid: pod.metadata.uid ?? '', namespace, name: pod.metadata.name },
      ...(granted.pool === undefined ? {} : { pool: granted.pool }),
      call: isDecided ? { ...call, args: withoutAddresses(call.args) } : call,
      nics,
      masterNets: network.masterNets,
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
      count: requestOf(wanted).nics,
      handed,
      taken: new Set(held),
      others: devicesOfOthers(view, pod, ifname, resources),
    };
    return podDevices(network, await kubelet.of(pod, signal), wish, sysfs);
  }
}

/**
 * CNI_ARGS without the addresses that the pod asks for, which Multus writes there, too: beside what was granted, or checked, the plugin `static` would
 * give the pod these; and beside runtimeConfig, where each NIC's plugin has its own, `host-local` would look for all of them for every NIC.
 */
function withoutAddresses(args: string): string {
  const pairs = args.split(';').filter(pair => !/^(?:IP|GATEWAY)=/.test(pair));
  return pairs.join(';');
}

function isUnknown(error: unknown): boolean {
  return isMultiNicError(error) && error.code === 'MNN_NETWORK_UNKNOWN';
}

function deviceOf(delegate: CheckpointDelegate | undefined): string | undefined {
  const runtimeConfig = delegate?.conf.runtimeConfig;
  return isRecord(runtimeConfig) && typeof runtimeConfig.deviceID === 'string' ? runtimeConfig.deviceID : undefined;
}

/** One hardware address is for one NIC. */
function checkMac(nics: readonly AllocatedNic[], mac: string | undefined): void {
  if (mac === undefined || nics.length <= 1) return;
  throw cniError(
    cniCodes.invalidConfig,
    'MNN_MAC_MANY',
    `the pod asks for the hardware address ${mac} on ${nics.length} NICs`,
  );
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
