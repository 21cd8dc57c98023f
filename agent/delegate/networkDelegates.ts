import { chainOf } from '../../core/delegate/chain.ts';
import type { Delegate } from '../../core/delegate/delegate.ts';
import { delegateConf, type DelegateNic, ipamConf } from '../../core/delegate/delegateConf.ts';
import { configuredMasters, nicIpam } from '../../core/delegate/nicIpam.ts';
import { givesAddresses } from '../../core/network/ipam.ts';
import type { Network } from '../../core/network/network.ts';
import { pluginOf } from './plugin.ts';

const nothing = { runtimeConfig: {}, cniArgs: {} };

/**
 * The plugins that a network's attachments are made with, for the verbs that concern no single attachment (STATUS, GC), or one that is lost. An IPAM with
 * a section for each NIC is called once per section. Those that follow come last.
 * @param ofNode name of the node's NIC, where it matters
 */
export function networkDelegates(network: Network, ofNode = ''): Delegate[] {
  const plugin = pluginOf(network);
  const masters = configuredMasters(network) ?? [ofNode];
  const makers = masters.flatMap((master): Delegate[] => {
    const ipam = nicIpam(network, { master, addresses: [], wanted: [] });
    const nic: DelegateNic = { master, ipam, wanted: [] };
    const { name, spec } = network;
    if (plugin.type === 'delegate') {
      const conf = delegateConf(name, spec.plugin, nic, nothing);
      // Our own addresses reach a plugin through the IPAM plugin `static`, which must therefore be installed, whichever addresses they will be.
      const isStatic = ipam.kind === 'given' && givesAddresses(network.ipam);
      return [{ role: 'plugin', conf: isStatic ? { ...conf, ipam: { type: 'static' } } : conf }];
    }
    if (ipam.kind === 'given') return [];
    return [{ role: 'ipam', conf: ipamConf(name, spec.plugin, { ...nic, ipam }, nothing) }];
  });
  return [...makers, ...chainOf(network.name, network.spec.plugin, {}, nothing.runtimeConfig)];
}
