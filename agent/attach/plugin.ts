import { cniCodes, cniError, type CniError } from '../../core/cni/error.ts';
import { multiNicIpam } from '../../core/network/ipam.ts';
import type { Network } from '../../core/network/network.ts';
import type { IpvlanMode, MacvlanMode } from '../netlink/types.ts';
import { nicUse, type NicUse } from '../../core/network/nicUse.ts';

/** How the links of a network are made. */
export type Plugin = { readonly mtu?: number } & (
  | { readonly type: 'ipvlan'; readonly mode: IpvlanMode }
  | { readonly type: 'macvlan'; readonly mode: MacvlanMode }
  | { readonly type: 'ptp' }
);

const ipvlanModes: readonly IpvlanMode[] = ['l2', 'l3', 'l3s'];
const macvlanModes: readonly MacvlanMode[] = ['bridge', 'private', 'vepa', 'passthru'];

/**
 * The plugin of a network. Where `args.mode` does not say, ipvlan takes the network's vlanMode.
 * @throws CniError code 7 for a type or an IPAM that this agent does not serve, 2 for an argument that it does not know
 */
export function pluginOf({ name, spec, ipam }: Pick<Network, 'name' | 'spec' | 'ipam'>): Plugin {
  const { type, args = {} } = spec.plugin;
  if (ipam.type !== multiNicIpam) {
    throw cniError(cniCodes.invalidConfig, 'MNN_IPAM_UNSUPPORTED', `network ${name} has ipam.type ${ipam.type}`);
  }
  const mtu = mtuOf(args.mtu);
  const mode = nicUse(spec.plugin, ipam.vlanMode)?.mode ?? '';
  switch (type) {
    case 'ipvlan':
      return { type, mode: oneOf(ipvlanModes, 'mode', mode), ...mtu };
    case 'macvlan':
      return { type, mode: oneOf(macvlanModes, 'mode', mode), ...mtu };
    case 'ptp':
      return { type, ...mtu };
    default:
      throw cniError(cniCodes.invalidConfig, 'MNN_TYPE_UNSUPPORTED', `network ${name} has plugin type ${type}`);
  }
}

/** How the plugin's links use the NIC that they share; undefined where they share none. */
export function useOf(plugin: Plugin): NicUse | undefined {
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
