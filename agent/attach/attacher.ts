import type { Logger } from 'pino';
import { cniCodes, cniError, toCniError, type CniError } from '../../core/cni/error.ts';
import type { CniResult } from '../../core/cni/result.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { checkpointVersion, type CheckpointEntry } from '../checkpoint/entry.ts';
import { NetlinkError, type LinkInfo, type Netlink, type Op } from '../netlink/netlink.ts';
import { hostEndName, ptpMac, type Attachment } from './attachment.ts';
import { namespaceIdentity } from './namespaceIdentity.ts';
import { NicClaims } from './nicClaims.ts';
import { hostAddress, planOf, type Plan } from './plan.ts';
import { useOf } from './plugin.ts';
import { linkGateways } from './podRoutes.ts';

/** Nobody else's group of links ("MNd"): distributions use small numbers, if any. */
const doomedGroup = 0x4d4e64;

/** Makes attachments and takes them away. Calls for one sandbox must not overlap; the CNI server sees to that. */
export class Attacher {
  readonly #netlink: Netlink;
  readonly #checkpoint: Checkpoint;
  readonly #claims: NicClaims;
  readonly #log: Logger;

  constructor(netlink: Netlink, checkpoint: Checkpoint, log: Logger) {
    this.#netlink = netlink;
    this.#checkpoint = checkpoint;
    this.#claims = new NicClaims(netlink, checkpoint);
    this.#log = log;
  }

  /**
   * Makes all links of an attachment, or none. What an earlier call for the same sandbox and interface left is taken away first.
   * @throws CniError code 8 (namespace), 101 (NIC, also one that another network has), 11 (signal aborted), 999 (what the kernel refused)
   */
  async attach(attachment: Attachment, signal: AbortSignal): Promise<CniResult> {
    const { containerId, ifname, netns } = attachment;
    const left = this.#checkpoint.get(containerId, ifname);
    if (left) await this.detach(left);
    const netnsId = await namespaceIdentity(netns);
    if (netnsId === undefined) throw noNamespace(netns);
    await this.#refuseTaken(attachment);
    const conflict = await this.#claims.claim(attachment);
    if (conflict !== undefined) throw cniError(cniCodes.nicUnusable, 'MNN_NIC_CONFLICT', conflict);
    try {
      return await this.#attachTo(attachment, netnsId, signal);
    } finally {
      this.#claims.release(attachment);
    }
  }

  async #attachTo(attachment: Attachment, netnsId: string, signal: AbortSignal): Promise<CniResult> {
    const plan = planOf(attachment);
    const entry = intentOf(attachment, plan, netnsId);
    await this.#checkpoint.put(entry);
    try {
      const links = await this.#make(attachment, plan, signal);
      const done = doneOf(entry, links);
      await this.#checkpoint.put(done);
      return resultOf(attachment, done, links);
    } catch (error) {
      await this.#rollBack(entry);
      throw attachFailure(attachment, error, signal);
    }
  }

  /** Takes away what the entry names, as far as it is there, and then the entry itself. */
  async detach(entry: CheckpointEntry): Promise<void> {
    const hostEnds = entry.links.flatMap(link => link.hostEnd ?? []);
    await this.#netlink.run(null, removalOf(hostEnds));
    await this.#detachInPod(entry);
    await this.#checkpoint.delete(entry);
  }

  async #detachInPod({ netns, netnsId, links }: CheckpointEntry): Promise<void> {
    // The path may name another sandbox's namespace by now (a process id given again): nothing there is ours.
    if ((await namespaceIdentity(netns)) !== netnsId) return;
    try {
      await this.#netlink.run(netns, removalOf(links.map(({ name }) => name)));
    } catch (error) {
      if (!(error instanceof NetlinkError) || !error.namespaceGone) throw error;
    }
  }

  /** CNI 1.1, section 2 "ADD": "If an interface with the requested name already exists … the plugin MUST return with an error". */
  async #refuseTaken({ netns, nics }: Attachment): Promise<void> {
    const links = await this.#netlink.one(netns, { op: 'link.list' });
    const taken = nics.find(nic =>
      links.some(({ name, altNames }) => name === nic.name || altNames.includes(nic.name)),
    );
    if (!taken) return;
    throw cniError(cniCodes.internal, 'MNN_INTERFACE_EXISTS', `the pod has an interface ${taken.name} already`);
  }

  async #make({ netns, nics }: Attachment, plan: Plan, signal: AbortSignal): Promise<LinkInfo[]> {
    await this.#netlink.run(null, plan.links, { signal });
    await this.#netlink.run(netns, plan.pod, { signal });
    await this.#netlink.run(null, plan.host, { signal });
    return this.#netlink.run(
      netns,
      nics.map(({ name }) => ({ op: 'link.get' as const, dev: name })),
      { signal },
    );
  }

  /** A rollback that fails leaves the entry, so that DEL or the next ADD finds what is left. */
  async #rollBack(entry: CheckpointEntry): Promise<void> {
    try {
      await this.detach(entry);
    } catch (error) {
      this.#log.error({ err: error, container: entry.containerId, ifname: entry.ifname }, 'rolling back failed');
    }
  }
}

/**
 * Removes links, as far as they are there, in one go. The group is only for links that are about to go: should this be cut short after
 * they were put into it, then any later removal in that namespace takes them along.
 */
function removalOf(names: readonly string[]): Op[] {
  if (names.length === 0) return [];
  return [
    ...names.map((dev): Op => ({ op: 'link.set', dev, group: doomedGroup, ignore: ['ENODEV'] })),
    { op: 'link.delGroup', group: doomedGroup, ignore: ['ENODEV'] },
  ];
}

function intentOf(attachment: Attachment, plan: Plan, netnsId: string): CheckpointEntry {
  const { containerId, ifname, callIfname, configName, netns, network, plugin, pod, pool, nics } = attachment;
  const isPtp = plugin.type === 'ptp';
  const use = useOf(plugin);
  return {
    version: checkpointVersion,
    state: 'intent',
    containerId,
    ifname,
    callIfname,
    configName,
    netns,
    netnsId,
    network,
    type: plugin.type,
    ...(use === undefined ? {} : { use }),
    pod: { ...pod },
    ...(pool === undefined ? {} : { pool }),
    links: nics.map(({ name, master, addresses }) => ({
      name,
      master,
      ...(isPtp ? { hostEnd: hostEndName(containerId, name) } : {}),
      addresses: isPtp ? addresses.map(text => hostAddress(text, parseCidr(text).family)) : [...addresses],
      routes: plan.routes.filter(({ link }) => link === name).map(({ change }) => change.dst),
    })),
    since: new Date().toISOString(),
  };
}

function doneOf(entry: CheckpointEntry, links: readonly LinkInfo[]): CheckpointEntry {
  return {
    ...entry,
    state: 'done',
    links: entry.links.map((link, i) => {
      const mac = links[i]?.mac;
      return { ...link, ...(mac === null || mac === undefined ? {} : { mac }) };
    }),
  };
}

/** The links in the pod come first, so that the i-th interface is the i-th NIC. */
function resultOf(attachment: Attachment, entry: CheckpointEntry, links: readonly LinkInfo[]): CniResult {
  const { containerId, netns, plugin, routes, dns } = attachment;
  const inPod = links.map(({ name, mac, mtu }) => ({ name, mac: mac ?? '', mtu, sandbox: netns }));
  const onHost = entry.links.flatMap(({ name, hostEnd }) =>
    hostEnd === undefined ? [] : [{ name: hostEnd, mac: ptpMac(containerId, name, 'host') }],
  );
  return {
    interfaces: [...inPod, ...onHost],
    ips: entry.links.flatMap(({ addresses }, i) =>
      addresses.map(address => ({
        address,
        ...(plugin.type === 'ptp' ? { gateway: linkGateways[parseCidr(address).family] } : {}),
        interface: i,
      })),
    ),
    routes: routes.map(({ dst, gw }) => (gw === undefined ? { dst } : { dst, gw })),
    dns,
  };
}

/** The host's NIC of the link that is made by that name in the pod. */
function nicOf(link: string, nics: Attachment['nics']): string | undefined {
  return nics.find(({ name }) => name === link)?.master;
}

function noNamespace(netns: string): CniError {
  return cniError(cniCodes.invalidNetns, 'MNN_CNI_NETNS', `CNI_NETNS ${netns} is no network namespace`);
}

function attachFailure({ network, nics }: Attachment, error: unknown, signal: AbortSignal): CniError {
  if (signal.aborted) {
    return cniError(cniCodes.tryAgainLater, 'MNN_CNI_DEADLINE', `network ${network}: the call took too long`, {
      cause: error,
    });
  }
  if (!(error instanceof NetlinkError)) return toCniError(error);
  if (error.namespaceGone) return noNamespace(error.netns ?? '');
  const busy = error.operation === 'link.add' && error.code === 'EBUSY' ? nicOf(error.target, nics) : undefined;
  if (busy !== undefined) {
    const what = `something that this agent did not make has it: a bridge, a bond, or links of another plugin (${error.message})`;
    return cniError(cniCodes.nicUnusable, 'MNN_NIC_CONFLICT', `network ${network} on ${busy}: ${what}`, {
      cause: error,
    });
  }
  const names = nics.map(({ master }) => master).join(', ');
  const code = error.operation === 'link.add' && error.code !== 'EEXIST' ? cniCodes.nicUnusable : cniCodes.internal;
  return cniError(code, 'MNN_ATTACH_FAILED', `network ${network} on ${names}: ${error.message}`, { cause: error });
}
