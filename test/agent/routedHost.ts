import type { Netlink } from '../../agent/netlink/netlink.ts';
import { RoutePlan } from '../../agent/routes/routePlan.ts';
import { RouteProgrammer } from '../../agent/routes/routeProgrammer.ts';
import { netlinkIn } from '../../bench/support/ownNamespace.ts';
import { PlannedCluster } from '../../bench/support/plannedView.ts';
import type { Cidr, HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import { pageName } from '../../core/layout/hostIndex.ts';
import type { RouteFailure } from '../../core/status/routesProgrammed.ts';
import { eventually } from '../eventually.ts';
import { Namespace } from './namespaces.ts';
import { networkSpec } from './networks.ts';

/** The host whose routes are kept. */
export const self = 'host-0';
export const nics = 2;
export const hostNames = ['host-1', 'host-2', 'host-3'];
const meta = { apiVersion: 'multinic.fms.io/v1', kind: '' };

/** A host with the first so many of the NICs. @param last the last part of its addresses */
export function hostInterface(name: string, last: number, count = nics): HostInterface {
  const interfaces = Array.from({ length: count }, (_, n) => ({
    interfaceName: `eth${n + 1}`,
    netAddress: `172.20.${n + 1}.0/24`,
    hostIP: `172.20.${n + 1}.${last}`,
  }));
  return { ...meta, metadata: { name }, spec: { hostName: name, interfaces } };
}

/** @param octet of its subnet, and in its name @param note in its status */
export function network(octet: number, note = ''): MultiNicNetwork {
  const interfaces = [1, 2].map(n => ({ index: n - 1, netAddress: `172.20.${n}.0/24`, ordinal: 0 }));
  const status = { interfaces, message: note } as NonNullable<MultiNicNetwork['status']>;
  const spec = networkSpec({ type: 'ptp', vlanMode: 'l3' }, octet);
  return { ...meta, metadata: { name: `n${octet}` }, spec, status };
}

/** Which index each host has in that network. */
export function cidr(octet: number, page: number, hosts: Cidr['spec']['hosts']): Cidr {
  const name = `n${octet}`;
  return { ...meta, metadata: { name: pageName(name, page) }, spec: { network: name, page, hosts } };
}

/** Gives the host its n-th NIC. */
export function plugIn(namespace: Namespace, n: number): void {
  namespace.batch([
    `link add eth${n} up type veth peer name peer${n}`,
    `link set peer${n} up`,
    `address add 172.20.${n}.1/24 dev eth${n}`,
  ]);
}

/** A host with the part of the agent that keeps its routes, and what it knows. */
export class RoutedHost implements AsyncDisposable {
  readonly cluster = new PlannedCluster();
  readonly namespace: Namespace;
  readonly programmer: RouteProgrammer;
  complete = 0;
  failures: readonly RouteFailure[] = [];
  #isDue = true;
  readonly #netlink: Netlink;
  readonly #listening: Promise<void>;
  readonly #stop: () => void;

  private constructor(namespace: Namespace, netlink: Netlink, monitor: Awaited<ReturnType<Netlink['monitor']>>) {
    this.namespace = namespace;
    this.#netlink = netlink;
    const programmer = new RouteProgrammer(netlink, this.cluster.view, self);
    this.programmer = programmer;
    this.cluster.setHost(hostInterface(self, 1));
    this.#stop = () => {
      monitor.stop();
    };
    this.#listening = (async () => {
      for await (const event of monitor) if (programmer.onKernelEvent(event)) this.#isDue = true;
    })();
  }

  static async make(): Promise<RoutedHost> {
    const namespace = new Namespace('routes');
    for (let n = 1; n <= nics; n++) plugIn(namespace, n);
    const netlink = netlinkIn(namespace);
    const groups = ['link', 'ipv4-address', 'ipv4-route', 'ipv4-rule'] as const;
    return new RoutedHost(namespace, netlink, await netlink.monitor(null, groups));
  }

  /** A pass because the cluster has changed. */
  async pass(): Promise<number> {
    this.#isDue = false;
    const { changes, complete, failures } = await this.programmer.pass();
    this.failures = failures;
    if (complete) this.complete += 1;
    return changes;
  }

  /** Until an event has asked for a pass since the last one. */
  async told(): Promise<void> {
    await eventually('an event', () => this.#isDue);
  }

  present(): string[] {
    const lines = this.namespace.ip('route', 'show', 'table', 'all', 'proto', '77').split('\n').filter(Boolean);
    return lines.map(line => line.replace(/ table \d+/, '').trim()).sort();
  }

  wanted(): string[] {
    const plan = new RoutePlan(this.cluster.view, self);
    plan.renew();
    return plan
      .all()
      .flatMap(({ routes }) => [...routes])
      .map(({ dst, gateway, device, metric }) => `${dst} via ${gateway} dev ${device} metric ${metric}`)
      .sort();
  }

  /** Until the kernel has what is wanted, with passes only where an event asks for one. */
  async settled(): Promise<void> {
    await eventually('the wanted routes', async () => {
      if (this.#isDue) await this.pass();
      return JSON.stringify(this.present()) === JSON.stringify(this.wanted());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#listening;
    await this.#netlink.close();
    this.namespace[Symbol.dispose]();
  }
}

/** Two networks and three hosts with two NICs each. */
export function populate({ cluster }: RoutedHost): void {
  for (const octet of [220, 221]) {
    cluster.setNetwork(network(octet));
    const hosts = [self, ...hostNames].map((hostName, hostIndex) => ({ hostName, hostIndex }));
    cluster.setPage(cidr(octet, 0, hosts));
  }
  for (const [i, name] of hostNames.entries()) cluster.setHost(hostInterface(name, i + 2));
}
