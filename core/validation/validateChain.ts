import { cniType } from '../api/names.ts';
import type { ChainedPlugin, PluginSpec } from '../api/types.ts';
import { pluginArgs } from '../delegate/pluginArgs.ts';
import { isPluginName } from '../delegate/pluginName.ts';
import { foldedKey, isRecord } from '../json.ts';
import { usesDevicePlugin } from '../network/deviceResource.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { nicUse } from '../network/nicUse.ts';
import type { Draft } from './draft.ts';

/** Whether a value, read from JSON where it is JSON, is of a form. */
type Form = readonly [is: (value: unknown) => boolean, expected: string];

const text: Form = [value => typeof value === 'string', 'a text'];
const number: Form = [value => Number.isSafeInteger(value) && Number(value) >= 0, 'a whole number'];
const onOff: Form = [value => typeof value === 'boolean', '"true" or "false"'];
const texts: Form = [value => Array.isArray(value) && value.every(text[0]), 'a JSON list of texts'];
const sysctls: Form = [
  value => isRecord(value) && Object.entries(value).every(([key, is]) => /^net[./]/.test(key) && text[0](is)),
  'a JSON object with names that begin with "net." and texts, such as {"net.ipv4.conf.IFNAME.arp_filter": "1"}',
];

/** Plugins that are known to follow others, and their args. */
const argsOf: ReadonlyMap<string, Readonly<Record<string, Form>>> = new Map(
  Object.entries({
    tuning: { sysctl: sysctls, promisc: onOff, mtu: number, allmulti: onOff, txQLen: number, dataDir: text },
    sbr: { table: number, addSourceHints: onOff },
    bandwidth: {
      ...{ ingressRate: number, ingressBurst: number, egressRate: number, egressBurst: number },
      ...{ shapedSubnets: texts, unshapedSubnets: texts },
    },
  }),
);
const known = ['rdma', ...argsOf.keys()];

/** Why a network has no `mac`: neighbours would take all pods for one, and on a ptp link the host knows the address that it was made with. */
const sameMac =
  'would be the hardware address of every NIC of every pod; have pods ask for theirs with `mac` in their selection';

/** Types that make interfaces, and of each NIC there is one already. */
const makers: ReadonlySet<string> = new Set([
  'ipvlan',
  'macvlan',
  'ptp',
  'aws-ipvlan',
  'sriov',
  'ib-sriov',
  'host-device',
  'mellanox',
  'bridge',
  'vlan',
  'dummy',
]);

/** Keys of a configuration that are not the network's to write, as plugins compare them. */
const reserved: ReadonlySet<string> = new Set(
  ['cniVersion', 'name', 'type', 'ipam', 'prevResult', 'runtimeConfig', 'args', 'capabilities', 'deviceID'].map(
    foldedKey,
  ),
);

/** spec.plugin.chain: each a plugin that changes an interface, and can change those of the network's type. */
export function validateChain({ spec: { plugin } }: Draft): Finding[] {
  const { chain = [] } = plugin;
  return chain.flatMap((chained, i) => validateChained(plugin, chained, `spec.plugin.chain[${i}]`));
}

function validateChained(plugin: PluginSpec, { type, args = {} }: ChainedPlugin, at: string): Finding[] {
  const path = `${at}.type`;
  if (type === cniType) return [error('MNN_PLUGIN_INVALID', path, 'is this system itself')];
  if (!isPluginName(type)) {
    return [error('MNN_PLUGIN_INVALID', path, `"${type}" cannot be the name of a plugin's executable`)];
  }
  const why = makers.has(type) ? 'makes an interface, and has none to change' : unfit(plugin, type);
  if (why !== undefined) return [error('MNN_PLUGIN_INVALID', path, `"${type}" ${why}`)];
  const unknown = `"${type}" is not one of ${known.join(', ')}: it will be called after each NIC is attached`;
  return [
    ...(known.includes(type) ? [] : [warning('MNN_PLUGIN_INVALID', path, unknown)]),
    ...Object.entries(args).flatMap(([name, value]) => checkArg(type, name, value, `${at}.args.${name}`)),
  ];
}

/** Why a plugin cannot do its work on interfaces of the network's type: its pods would not start. */
function unfit(plugin: PluginSpec, type: string): string | undefined {
  const { type: made } = plugin;
  const isOnNic = nicUse(plugin, '') !== undefined;
  const isMoved = usesDevicePlugin(plugin) || made === 'host-device';
  if (type === 'rdma' && (isOnNic || made === 'ptp'))
    return `moves the RDMA device of a NIC that a pod has for itself, not of ${made}`;
  if (type === 'bandwidth' && (isOnNic || isMoved)) return `limits veth links, and ${made} makes none`;
  if (type === 'sbr' && made === 'ptp') return 'does not know the routes of ptp, whose interfaces need it not';
  return undefined;
}

function checkArg(type: string, name: string, value: string, path: string): Finding[] {
  if (reserved.has(foldedKey(name))) return [error('MNN_PLUGIN_INVALID', path, 'is written by the system')];
  if (type === 'tuning' && foldedKey(name) === 'mac') return [error('MNN_PLUGIN_INVALID', path, sameMac)];
  const forms = argsOf.get(type);
  if (!forms) return [];
  const form = forms[name];
  if (!form) return [warning('MNN_PLUGIN_INVALID', path, `is not an argument of ${type} and has no effect`)];
  const [is, expected] = form;
  return is(pluginArgs(type, { [name]: value })[name])
    ? []
    : [error('MNN_PLUGIN_INVALID', path, `must be ${expected}, not "${value}"`)];
}
