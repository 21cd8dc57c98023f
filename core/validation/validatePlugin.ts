import { cniType } from '../api/names.ts';
import { isSupportedVersion, supportedVersions } from '../cni/versions.ts';
import { linkStates, pluginArgs } from '../delegate/pluginArgs.ts';
import { isPluginName } from '../delegate/pluginName.ts';
import { existingResource, usesDevicePlugin } from '../network/deviceResource.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import type { Draft } from './draft.ts';

const link = ['master', 'mode', 'mtu'];

/** Plugin types that the system knows, and their args. Names as the predecessor documents them, and as its code has them. */
const argsOf: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    ipvlan: link,
    macvlan: link,
    ptp: ['mtu'],
    'aws-ipvlan': [...link, 'primaryIP', 'podIP'],
    sriov: [
      ...['resourceName', 'priority', 'mtu', 'numVfs', 'isRdma', 'needVhostNet', 'vlan', 'vlanQoS', 'vlanQos'],
      ...['spoofchk', 'trust', 'min_tx_rate', 'max_tx_rate', 'minTxRate', 'maxTxRate', 'link_state', 'linkState'],
    ],
    'host-device': ['resourceName'],
    mellanox: [],
  }),
);

/** Smallest and largest value of args that are numbers. mtu: RFC 791 §3.2 and IP's total length; the rest: IEEE 802.1Q, Mbit/s. */
const ranges: ReadonlyMap<string, readonly [number, number]> = new Map(
  Object.entries({
    mtu: [68, 65_535],
    numVfs: [0, 65_535],
    priority: [0, 99],
    vlan: [0, 4094],
    vlanQoS: [0, 7],
    vlanQos: [0, 7],
    min_tx_rate: [0, 4_294_967_295],
    max_tx_rate: [0, 4_294_967_295],
    minTxRate: [0, 4_294_967_295],
    maxTxRate: [0, 4_294_967_295],
  } as const),
);

/** Least MTU of a link that carries IPv6 (RFC 8200 §5). */
const leastIPv6Mtu = 1280;

const onOff = new Set(['spoofchk', 'trust']);
const booleans = ['true', 'false'];
/** Args that are one of a few words. */
const words: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({ isRdma: booleans, needVhostNet: booleans, link_state: linkStates, linkState: linkStates }),
);

/** spec.plugin: type, CNI version and arguments. */
export function validatePlugin(draft: Draft): Finding[] {
  const { cniVersion, type, args = {} } = draft.spec.plugin;
  const findings: Finding[] = [];
  if (!isSupportedVersion(cniVersion)) {
    const detail = `"${cniVersion}" is not supported (${supportedVersions.join(', ')})`;
    findings.push(error('MNN_PLUGIN_INVALID', 'spec.plugin.cniVersion', detail));
  }
  if (type === cniType || !isPluginName(type)) {
    const why = type === cniType ? 'is this system itself' : `"${type}" cannot be the name of a plugin's executable`;
    return [...findings, error('MNN_PLUGIN_INVALID', 'spec.plugin.type', why)];
  }
  findings.push(...checkResource(draft.spec.plugin));
  const known = argsOf.get(type);
  if (!known) {
    const resource = existingResource(draft.spec.plugin);
    const devices = resource === undefined ? '' : `, once for each device of ${resource} that a pod gets`;
    const detail = `"${type}" is not one of ${[...argsOf.keys()].join(', ')}: it will be run as a CNI delegate${devices}`;
    findings.push(warning('MNN_PLUGIN_INVALID', 'spec.plugin.type', detail));
    return findings;
  }
  for (const [name, value] of Object.entries(args)) {
    const path = `spec.plugin.args.${name}`;
    if (known.includes(name)) findings.push(...checkArg(name, value, path));
    else findings.push(warning('MNN_PLUGIN_INVALID', path, `is not an argument of ${type} and has no effect`));
  }
  return [...findings, ...checkMtu(draft), ...(type === 'sriov' ? checkTogether(args) : [])];
}

/** What the plugin sriov refuses (LoadConf() in its pkg/config), or the kernel of a virtual function (do_setvfinfo() in net/core/rtnetlink.c). */
function checkTogether(args: Readonly<Record<string, string>>): Finding[] {
  const findings: Finding[] = [];
  const { vlan = 0, vlanQoS = 0, min_tx_rate: least = 0, max_tx_rate: most = 0 } = pluginArgs('sriov', args);
  const path = 'spec.plugin.args';
  if (Number(vlanQoS) > 0 && Number(vlan) === 0) {
    const detail = `is ${String(vlanQoS)}, but it is of a VLAN, and vlan names none`;
    findings.push(error('MNN_PLUGIN_INVALID', `${path}.vlanQoS`, detail));
  }
  if (Number(most) > 0 && Number(least) > Number(most)) {
    const detail = `is ${String(least)}, more than max_tx_rate, ${String(most)}`;
    findings.push(error('MNN_PLUGIN_INVALID', `${path}.min_tx_rate`, detail));
  }
  return findings;
}

/** Pods request it: k8s.io/apimachinery, IsQualifiedName. */
function checkResource(plugin: Draft['spec']['plugin']): Finding[] {
  const resource = usesDevicePlugin(plugin) ? existingResource(plugin) : undefined;
  if (resource === undefined) return [];
  const [prefix, name] = resource.includes('/') ? resource.split(/\/(.*)/s) : ['openshift.io', resource];
  const isDomain = prefix !== undefined && prefix.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(prefix);
  const isName = name !== undefined && name.length <= 63 && /^[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$/.test(name);
  if (isDomain && isName) return [];
  const detail = `"${resource}" is not the name of a resource, [prefix/]name`;
  return [error('MNN_PLUGIN_INVALID', 'spec.plugin.args.resourceName', detail)];
}

function checkArg(name: string, value: string, path: string): Finding[] {
  const range = ranges.get(name);
  if (range) {
    const [least, most] = range;
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= least && number <= most) return [];
    return [error('MNN_PLUGIN_INVALID', path, `must be a whole number from ${least} to ${most}, not "${value}"`)];
  }
  const known = words.get(name);
  if (known && !known.includes(value)) {
    const choice = known.map(word => `"${word}"`).join(' or ');
    return [error('MNN_PLUGIN_INVALID', path, `must be ${choice}, not "${value}"`)];
  }
  if (!onOff.has(name) || value === 'on' || value === 'off') return [];
  if (value === 'true' || value === 'false') {
    const meant = value === 'true' ? 'on' : 'off';
    return [warning('MNN_PLUGIN_INVALID', path, `is "${value}"; sriov knows on and off, so "${meant}" is meant`)];
  }
  return [error('MNN_PLUGIN_INVALID', path, `must be "on" or "off", not "${value}"`)];
}

function checkMtu({ spec: { plugin }, subnets }: Draft): Finding[] {
  const { mtu = '' } = plugin.args ?? {};
  const hasIPv6 = subnets.some(({ cidr }) => cidr?.family === 6);
  if (!hasIPv6 || !/^\d+$/.test(mtu) || Number(mtu) >= leastIPv6Mtu) return [];
  const detail = `is ${mtu}, but IPv6 needs ${leastIPv6Mtu} or more`;
  return [error('MNN_PLUGIN_INVALID', 'spec.plugin.args.mtu', detail)];
}
