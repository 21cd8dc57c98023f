import { usesDevicePlugin } from '../network/deviceResource.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { parseBandwidth } from '../selection/bandwidth.ts';
import { isStrategy, looksAtBandwidth } from '../selection/select.ts';
import { strategyOf } from '../selection/wish.ts';
import type { Draft } from './draft.ts';

/** spec.attachPolicy: a strategy that is known, and can be followed; a bandwidth where it is looked at. */
export function validatePolicy(draft: Draft): Finding[] {
  return [...validateStrategy(draft), ...validateTarget(draft)];
}

function validateStrategy({ spec }: Draft): Finding[] {
  const path = 'spec.attachPolicy.strategy';
  const name = spec.attachPolicy?.strategy ?? '';
  if (name !== '' && !isStrategy(name)) return [error('MNN_STRATEGY_UNKNOWN', path, `"${String(name)}" is not known`)];
  if (strategyOf({ spec }) === 'none' || !usesDevicePlugin(spec.plugin)) return [];
  const detail = `${name} has no effect: the device plugin of type ${spec.plugin.type} chooses the NICs`;
  return [warning('MNN_STRATEGY_UNUSED', path, detail)];
}

function validateTarget({ spec, ipam, ownAddresses }: Draft): Finding[] {
  const path = 'spec.attachPolicy.target';
  const target = spec.attachPolicy?.target ?? '';
  if (target === '') return [];
  if (parseBandwidth(target) === undefined)
    return [error('MNN_TARGET_INVALID', path, `"${target}" is not a bandwidth`)];
  const strategy = strategyOf({ spec });
  if (!looksAtBandwidth(strategy)) {
    const detail = `has no effect: strategy ${strategy} does not use it, costOpt and perfOpt do`;
    return [warning('MNN_TARGET_INVALID', path, detail)];
  }
  if (!ownAddresses || ipam?.hostBlock !== 0) return [];
  const detail = 'has no effect with hostBlock 0: what is promised of a NIC is kept with the addresses of its node';
  return [warning('MNN_TARGET_INVALID', path, detail)];
}
