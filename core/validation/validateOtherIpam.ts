import { delegateType } from '../delegate/delegateConf.ts';
import { isPluginName } from '../delegate/pluginName.ts';
import { isRecord } from '../json.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { givesAddresses, hostDeviceIpam, multiConfigIpam, multiNicIpam, pluginOfIpam } from '../network/ipam.ts';
import { nicUse } from '../network/nicUse.ts';
import type { Draft } from './draft.ts';

const path = 'spec.ipam';

/** Kinds that no plugin of the node serves. */
const ourIpams: ReadonlySet<string> = new Set([multiNicIpam, multiConfigIpam, hostDeviceIpam]);

/** IPAM kinds that are neither our own pools nor one plugin's configuration. What a plugin makes of its own text is for it to say. */
export function validateOtherIpam(draft: Draft): Finding[] {
  return [...checkIpam(draft), ...checkDhcp(draft)];
}

function checkIpam(draft: Draft): Finding[] {
  if (draft.ipam?.type === multiConfigIpam) return checkMultiConfig(draft.ipam.raw);
  if (draft.ipam?.type === hostDeviceIpam) return checkHostDevice(draft);
  if (draft.ipam && givesAddresses(draft.ipam) && !draft.ownAddresses && !isPluginName(draft.ipam.type)) {
    return [
      error(
        'MNN_IPAM_INVALID',
        path,
        `"type" is "${draft.ipam.type}", which cannot be the name of a plugin's executable`,
      ),
    ];
  }
  return [];
}

/** A client that has no address yet broadcasts, and no answer reaches it by other ways. */
function checkDhcp({ ipam, spec: { plugin } }: Draft): Finding[] {
  if (!ipam || pluginOfIpam(ipam) !== 'dhcp') return [];
  const asks = 'the IPAM plugin dhcp asks everybody on the link';
  if (plugin.type === 'ptp') {
    return [error('MNN_MODE_CONFLICT', path, `${asks}, and on one of type ptp there is only the host`)];
  }
  const use = nicUse(plugin, ipam.vlanMode);
  if (use?.kind !== 'ipvlan' || use.mode === 'l2') return [];
  return [error('MNN_MODE_CONFLICT', path, `${asks}, which ipvlan in mode ${use.mode} does not send to`)];
}

function checkMultiConfig({ ipam_type: type, args }: Record<string, unknown>): Finding[] {
  const findings: Finding[] = [];
  if (typeof type !== 'string' || !isPluginName(type) || ourIpams.has(type)) {
    findings.push(
      error('MNN_IPAM_INVALID', path, `multi-config: "ipam_type" must name an IPAM plugin, not ${show(type)}`),
    );
  }
  if (!isRecord(args) || Object.keys(args).length === 0) {
    const detail = `multi-config: "args" must have an object for each host NIC, for example {"eth1": {…}}, not ${show(args)}`;
    return [...findings, error('MNN_IPAM_INVALID', path, detail)];
  }
  for (const [nic, section] of Object.entries(args)) {
    if (isRecord(section)) continue;
    findings.push(error('MNN_IPAM_INVALID', path, `multi-config: args.${nic} must be an object, not ${show(section)}`));
  }
  return findings;
}

function checkHostDevice({ spec }: Draft): Finding[] {
  if (delegateType(spec.plugin.type) === 'host-device') return [];
  const detail = `host-device-ipam gives a pod the host's own address, which the host keeps with type ${spec.plugin.type}: use host-device or mellanox`;
  return [warning('MNN_MODE_CONFLICT', path, detail)];
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
