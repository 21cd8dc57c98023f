import type { PluginSpec } from '../api/types.ts';
import { foldedKey } from '../json.ts';
import type { Delegate } from './delegate.ts';
import type { DelegateNic, Handed } from './delegateConf.ts';
import { pluginArgs } from './pluginArgs.ts';

/** What is known of a NIC that is attached already. */
export type ChainedNic = Pick<DelegateNic, 'deviceID' | 'mac'>;

/** What the pod's author asked for and does not decide: what is meant is on the interface already. */
const decided: ReadonlySet<string> = new Set(['deviceid', 'ips', 'mac']);

/**
 * The plugins that follow on one NIC, in the order in which they are called. Unlike those that make interfaces, they get nothing of the pod's `cni-args`: by these
 * `tuning` would let the author of a pod set any sysctl of the network, or have an interface listen to what is not for it.
 * @param network its name
 */
export function chainOf(
  network: string,
  plugin: PluginSpec,
  nic: ChainedNic,
  handed: Handed['runtimeConfig'],
): Delegate[] {
  return (plugin.chain ?? []).map(({ type, args, capabilities = {} }): Delegate => {
    const isWanted = ([name]: [string, unknown]): boolean =>
      capabilities[name] === true && !decided.has(foldedKey(name));
    const runtimeConfig = {
      ...Object.fromEntries(Object.entries(handed).filter(isWanted)),
      ...(capabilities.mac === true && nic.mac !== undefined && { mac: nic.mac }),
      ...(nic.deviceID !== undefined && { deviceID: nic.deviceID }),
    };
    const conf = {
      ...pluginArgs(type, args),
      cniVersion: plugin.cniVersion,
      name: network,
      type,
      ...(nic.deviceID !== undefined && { deviceID: nic.deviceID }),
      ...(Object.keys(runtimeConfig).length > 0 && { runtimeConfig }),
    };
    return { role: 'chained', conf };
  });
}
