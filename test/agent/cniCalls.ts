import { after, before } from 'mocha';
import { annotation } from '../../core/api/names.ts';
import type { MultiNicNetworkSpec } from '../../core/api/types.ts';
import { supportedVersions } from '../../core/cni/versions.ts';
import type { Ending } from '../cni/program.ts';
import type { Host } from './host.ts';
import { networkSpec } from './networks.ts';
import { multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

/** What the suites about CNI calls use. */
export interface CniFixture {
  readonly site: Site;
  readonly host: Host;
  /** The call for network `plain`, of type ptp, with two NICs. */
  readonly config: Record<string, unknown>;
  /** A call for a network, as Multus makes it. */
  configOf(...args: TailOf<typeof multusConfig>): ReturnType<typeof multusConfig>;
  /** A pod with a sandbox. */
  make(name: string, annotations?: Record<string, string>): Promise<Sandbox>;
}

type TailOf<F> = F extends (site: Site, ...rest: infer Rest) => unknown ? Rest : never;

/**
 * A site with one host of two NICs, for the suite that is being described.
 * @param networks made besides `plain`
 */
export function cniFixture(networks: Readonly<Record<string, MultiNicNetworkSpec>>): CniFixture {
  let site: Site;
  let config: Record<string, unknown>;
  const fixture: CniFixture = {
    get site() {
      return site;
    },
    get host() {
      return site.hosts[0]!;
    },
    get config() {
      return config;
    },
    configOf: (...args) => multusConfig(site, ...args),
    make: (name, annotations) => Sandbox.make(site, fixture.host, name, annotations),
  };
  before(async () => {
    site = await Site.start({ hosts: 1, nics: 2 });
    for (const [name, spec] of Object.entries({ plain: ptpSpec(220), ...networks })) await site.addNetwork(name, spec);
    config = { ...(await fixture.configOf('plain', { cniArgs: { nics: 2 } })), cniVersion: '1.1.0' };
  });
  after(() => site?.[Symbol.asyncDispose]());
  return fixture;
}

/** @param ipam more of spec.ipam, or other values */
export function ptpSpec(octet: number, ipam: object = {}): MultiNicNetworkSpec {
  const spec = networkSpec({ type: 'ptp', vlanMode: 'l3' }, octet);
  return { ...spec, ipam: JSON.stringify({ ...(JSON.parse(spec.ipam ?? '{}') as object), ...ipam }) };
}

/** A network of both families, with two routes of spec.ipam.routes to one destination. */
export const dualStack: MultiNicNetworkSpec = {
  ...ptpSpec(0, {
    routes: [
      { dst: '192.0.2.0/24', gw: '10.212.0.1' },
      { dst: '192.0.2.0/24', gw: '10.212.32.1' },
    ],
  }),
  subnet: '10.212.0.0/16,fd00:212::/48',
};

/** Of spec.ipam.routes, with all that CNI 1.1 knows of a route. */
export const fullRoute = { dst: '192.0.2.0/24', mtu: 1400, advmss: 1300, priority: 7, table: 1007, scope: 200 };

/** A pod's annotations that select the networks. */
export function selecting(...networks: object[]): Record<string, string> {
  return { [annotation.networks]: JSON.stringify(networks) };
}

/** Every version that a runtime may speak, with both ways of being called: by Multus, and as the last plugin of the runtime's list. */
export const callings = supportedVersions.flatMap(cniVersion =>
  (['alone', 'chained'] as const).map(how => ({ cniVersion, how })),
);

/** The environment of a call for a sandbox; a variable that is undefined in `over` is not set. */
export function environment(
  command: string,
  { containerId, namespace, pod }: Sandbox,
  over: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const { name, uid = '' } = pod.metadata;
  const all = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: namespace.path,
    CNI_IFNAME: 'net1',
    CNI_ARGS: podArgs(name, uid),
    CNI_PATH: '/opt/cni/bin',
    ...over,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** CNI_ARGS as runtimes set them for a pod. */
export function podArgs(name: string, uid: string): string {
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name};K8S_POD_UID=${uid}`;
}

/** A call with just these variables. */
export function callWith(host: Host, env: Record<string, string>, config: object | string): Promise<Ending> {
  return host.execute(env, typeof config === 'string' ? config : JSON.stringify(config));
}

/** What the plugin before made of the sandbox's eth0, in the form of the version. */
export function primaryResult(cniVersion: string, netns: string): Record<string, unknown> {
  const family = cniVersion.startsWith('0.') ? { version: '4' } : {};
  return {
    cniVersion,
    interfaces: [
      { name: 'veth1', mac: '0a:00:00:00:00:01' },
      { name: 'eth0', mac: '0a:00:00:00:00:02', sandbox: netns },
    ],
    ips: [{ ...family, address: '10.1.0.5/24', gateway: '10.1.0.1', interface: 1 }],
    routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }],
    dns: { nameservers: ['10.1.0.53'] },
  };
}

/** That it made nothing. */
export const emptyResult = { cniVersion: '1.0.0', interfaces: [], ips: [], routes: [], dns: {} };

/** The configuration of the last plugin in a primary network's list. */
export function chainedConfig(cniVersion: string, prevResult: object | undefined): object {
  return { cniVersion, name: 'primary', type: 'multi-nic', mode: 'chained', ...(prevResult && { prevResult }) };
}
