import { cniType } from '../../core/api/names.ts';
import { cniCodes, type CniError, cniError } from '../../core/cni/error.ts';
import { delegateType } from '../../core/delegate/delegateConf.ts';
import { pluginOfIpam } from '../../core/network/ipam.ts';
import type { Network } from '../../core/network/network.ts';
import { type NicUse, nicUse } from '../../core/network/nicUse.ts';
import type { IpvlanMode, MacvlanMode } from '../netlink/types.ts';

/** How the links of a network are made: by the agent, over netlink, or by another plugin. */
export type Plugin = NativePlugin | { readonly type: 'delegate'; readonly name: string; readonly use?: NicUse };

export type NativePlugin = { readonly mtu?: number } & (
  | { readonly type: 'ipvlan'; readonly mode: IpvlanMode }
  | { readonly type: 'macvlan'; readonly mode: MacvlanMode }
  | { readonly type: 'ptp' }
);

const ipvlanModes: readonly IpvlanMode[] = ['l2', 'l3', 'l3s'];
const macvlanModes: readonly MacvlanMode[] = ['bridge', 'private', 'vepa', 'passthru'];

/**
 * The plugin of a network. Where `args.mode` does not say, ipvlan takes the network's vlanMode.
 * @throws CniError code 2 for an argument that the agent does not know, 7 for a network that would call this very plugin again
 */
export function pluginOf({ name, spec, ipam }: Pick<Network, 'name' | 'spec' | 'ipam'>): Plugin {
  const { type, args = {} } = spec.plugin;
  const use = nicUse(spec.plugin, ipam.vlanMode);
  // dhcp sends from the interface itself, which must therefore exist before: so the type's reference plugin makes the interface and calls it.
  if (use && pluginOfIpam(ipam) === 'dhcp') return { type: 'delegate', name: type, use };
  const mode = use?.mode ?? '';
  switch (type) {
    case 'ipvlan':
      return { type, mode: oneOf(ipvlanModes, 'mode', mode), ...mtuOf(args.mtu) };
    case 'macvlan':
      return { type, mode: oneOf(macvlanModes, 'mode', mode), ...mtuOf(args.mtu) };
    case 'ptp':
      return { type, ...mtuOf(args.mtu) };
    case cniType:
      throw cniError(cniCodes.invalidConfig, 'MNN_PLUGIN_INVALID', `network ${name} has plugin type ${type}: itself`);
    default:
      return { type: 'delegate', name: delegateType(type), ...(use && { use }) };
  }
}

/** How the plugin's links use the NIC that they share; undefined if they share none. */
export function useOf(plugin: Plugin): NicUse | undefined {
  if (plugin.type === 'delegate') return plugin.use;
  return plugin.type === 'ptp' ? undefined : { kind: plugin.type, mode: plugin.mode };
}

function mtuOf(text: string | undefined): { mtu?: number } {
  if (text === undefined || text === '' || text === '0') return {};
  const mtu = Number(text);
  if (Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535) return { mtu };
  throw unsupported('mtu', text, 'a whole number from 68 to 65535');
}

function oneOf<T extends string>(known: readonly T[], key: string, value: string): T {
  const found = known.find(item => item === value);
  if (found === undefined) throw unsupported(key, value, known.join(', '));
  return found;
}

/** CNI 1.1, section 5 "Error": the message of code 2 must contain key and value. */
function unsupported(key: string, value: string, expected: string): CniError {
  return cniError(
    cniCodes.unsupportedField,
    'MNN_PLUGIN_INVALID',
    `plugin.args.${key} is ${JSON.stringify(value)}, expected ${expected}`,
  );
}
