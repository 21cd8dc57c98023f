import { usesDevicePlugin } from '../network/deviceResource.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { givesAddresses, hostDeviceIpam, multiConfigIpam, multiNicIpam } from '../network/ipam.ts';
import type { Draft } from './draft.ts';

/** IPAM types that give the addresses of several NICs in one call, besides our own. */
const severalNicIpams = new Set([multiConfigIpam, hostDeviceIpam]);

/** Types whose interfaces are on the link of the host's NIC: what L3 routes say of them no neighbour believes. */
const linkTypes = new Set(['macvlan', 'host-device', 'aws-ipvlan']);

/** Types that are of no use, or fail, without addresses: our own, and reference plugins (containernetworking/plugins). */
const addressedTypes = new Set(['ptp', 'aws-ipvlan', 'vlan', 'dummy']);

const modesOf: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    ipvlan: ['l2', 'l3', 'l3s'],
    'aws-ipvlan': ['l2', 'l3', 'l3s'],
    macvlan: ['bridge', 'private', 'vepa', 'passthru'],
  }),
);

/** multiNICIPAM follows from the IPAM type; the predecessor let the two disagree. */
export function validateIpamFlag({ spec, ipam }: Draft): Finding[] {
  if (!ipam) return [];
  const path = 'spec.multiNICIPAM';
  if (ipam.type === multiNicIpam && spec.multiNICIPAM !== true) {
    const was = spec.multiNICIPAM === undefined ? 'is absent' : 'is false';
    return [warning('MNN_IPAM_FLAG', path, `${was}, but ipam.type is ${multiNicIpam}: true is assumed`)];
  }
  if (spec.multiNICIPAM && ipam.type !== multiNicIpam && !severalNicIpams.has(ipam.type)) {
    const why = givesAddresses(ipam)
      ? `the IPAM plugin ${ipam.type} gives the address of one interface per call`
      : 'spec.ipam names no IPAM plugin';
    return [error('MNN_IPAM_FLAG', path, `is true, but ${why}`)];
  }
  return [];
}

/** ipam.vlanMode, plugin.args.mode and plugin.type have to mean the same kind of network. */
export function validateMode(draft: Draft): Finding[] {
  const findings = checkPluginMode(draft);
  if (draft.ipam && draft.ownAddresses) findings.push(...checkAgreement(draft, draft.ipam.vlanMode));
  if (draft.ipam && !givesAddresses(draft.ipam)) findings.push(...checkWithoutAddresses(draft));
  if (draft.l3) findings.push(...checkL3(draft));
  return findings;
}

function checkPluginMode({ spec: { plugin } }: Draft): Finding[] {
  const { mode } = plugin.args ?? {};
  const modes = modesOf.get(plugin.type);
  const path = 'spec.plugin.args.mode';
  if (mode === undefined || mode === '' || !modes) return [];
  if (!modes.includes(mode)) {
    const detail = `"${mode}" is not a mode of ${plugin.type} (${modes.join(', ')})`;
    return [error('MNN_PLUGIN_INVALID', path, detail)];
  }
  if (mode !== 'passthru') return [];
  return [
    warning('MNN_PLUGIN_INVALID', path, 'passthru gives the whole NIC to one pod, so a node serves one pod per NIC'),
  ];
}

function checkAgreement({ spec: { plugin } }: Draft, vlanMode: string): Finding[] {
  const { mode = '' } = plugin.args ?? {};
  const { type } = plugin;
  const path = 'spec.ipam';
  if (type === 'ptp' && vlanMode === 'l2') {
    return [error('MNN_MODE_CONFLICT', path, 'vlanMode is l2, but a ptp interface is routed: use l3')];
  }
  if (type === 'ptp' && vlanMode === '') {
    return [warning('MNN_MODE_CONFLICT', path, 'without vlanMode l3 ptp pods reach only pods of their own node')];
  }
  if (type !== 'ipvlan' || mode === '') return [];
  const routed = mode !== 'l2';
  if (vlanMode === '') {
    if (!routed) return [];
    return [warning('MNN_MODE_CONFLICT', path, `vlanMode is absent, so no routes are made for ipvlan mode ${mode}`)];
  }
  if (routed !== (vlanMode !== 'l2')) {
    return [error('MNN_MODE_CONFLICT', path, `vlanMode is ${vlanMode}, but plugin.args.mode is ${mode}`)];
  }
  if (mode === vlanMode) return [];
  return [warning('MNN_MODE_CONFLICT', path, `vlanMode is ${vlanMode}, plugin.args.mode ${mode}: ${mode} is used`)];
}

/** Interfaces that nothing reaches without an address, and plugins that fail without an IPAM plugin, also at DEL: their pods would not end. */
function checkWithoutAddresses({ spec: { plugin } }: Draft): Finding[] {
  const { mode = '' } = plugin.args ?? {};
  const isRoutedIpvlan = plugin.type === 'ipvlan' && mode.startsWith('l3');
  if (!isRoutedIpvlan && !addressedTypes.has(plugin.type)) return [];
  const what = isRoutedIpvlan ? `ipvlan in mode ${mode}` : `type ${plugin.type}`;
  const detail = `names no IPAM plugin, but ${what} needs addresses: give it a "type", or use macvlan, ipvlan in mode l2, or a type that moves a NIC into the pod`;
  return [error('MNN_MODE_CONFLICT', 'spec.ipam', detail)];
}

function checkL3({ spec, ipam, subnets }: Draft): Finding[] {
  const findings: Finding[] = [];
  const { type } = spec.plugin;
  const vlanMode = ipam?.vlanMode ?? '';
  if (linkTypes.has(type) || usesDevicePlugin(spec.plugin)) {
    findings.push(
      error('MNN_MODE_CONFLICT', 'spec.ipam', `vlanMode ${vlanMode} needs plugin type ipvlan or ptp, not ${type}`),
    );
  }
  if (type === 'ptp' && vlanMode === 'l3s') {
    findings.push(error('MNN_MODE_CONFLICT', 'spec.ipam', 'vlanMode l3s is a mode of ipvlan; ptp has l3'));
  }
  if (subnets.length === 0) {
    findings.push(error('MNN_SUBNET_INVALID', 'spec.subnet', `is empty, but vlanMode ${vlanMode} routes a pod subnet`));
  }
  if (ipam?.hostBlock === 0) {
    const detail = `hostBlock is 0, but in vlanMode ${vlanMode} each host's block is what is routed to it`;
    findings.push(error('MNN_MODE_CONFLICT', 'spec.ipam', detail));
  }
  return findings;
}
