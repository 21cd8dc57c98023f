import { supportedVersions } from '../../core/cni/versions.ts';
import type { Ending } from '../cni/program.ts';
import type { Host } from './host.ts';
import type { Sandbox } from './sandbox.ts';

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

/** The configuration of the last plugin in a primary network's list. */
export function chainedConfig(cniVersion: string, prevResult: object | undefined): object {
  return { cniVersion, name: 'primary', type: 'multi-nic', mode: 'chained', ...(prevResult && { prevResult }) };
}
