import { assignInterfaceIndexes, type NicPosition } from '../layout/interfaceIndex.ts';
import { capacityOf, type Layout, usableCount } from '../layout/layout.ts';
import { bitsOf } from '../net/address.ts';
import { covers, formatCidr } from '../net/cidr.ts';
import { error, type Finding } from '../network/finding.ts';
import { cidrsOf, type Draft, draftLayouts } from './draft.ts';

/** A block with fewer usable addresses than this serves nobody. */
export const leastAddresses = 4n;

/** The bits of the layout: subnet + interfaceBlock + hostBlock leave room for pods, and interfaceBlock for the NICs. */
export function validateLayout(draft: Draft): Finding[] {
  const layouts = draftLayouts(draft);
  const cramped = layouts.flatMap(checkPodBits);
  if (cramped.length > 0) return cramped;
  const positions = cidrsOf(draft.masterNets).map(cidr => ({ netAddress: formatCidr(cidr), ordinal: 0 }));
  return checkPositions(layouts, positions, 'spec.masterNets names');
}

function checkPodBits(layout: Layout): Finding[] {
  const { subnet, interfaceBits, hostBits } = layout;
  const { podBits, addressesPerBlock } = capacityOf(layout);
  if (addressesPerBlock >= leastAddresses) return [];
  const bits = bitsOf(subnet.family);
  const sum = `/${subnet.prefix} + interfaceBlock ${interfaceBits} + hostBlock ${hostBits} = ${subnet.prefix + interfaceBits + hostBits}`;
  const left =
    podBits < 0
      ? `more than the ${bits} bits of an address`
      : `which leaves ${podBits} of ${bits} bits for pods: ${addressesPerBlock} usable addresses per NIC and host, at least ${leastAddresses} are needed`;
  return [error('MNN_CAPACITY', 'spec.ipam', `${formatCidr(subnet)} is too small: ${sum}, ${left}`)];
}

/**
 * Whether every NIC position finds an interface index that no exclude covers.
 * @param whose for the message: who has so many, for example `spec.masterNets names`
 */
export function checkPositions(
  layouts: readonly Layout[],
  positions: readonly NicPosition[],
  whose: string,
): Finding[] {
  const [layout] = layouts;
  if (!layout) return [];
  const { unassigned } = assignInterfaceIndexes([], positions, layouts);
  if (unassigned.length === 0) return [];
  const room = 2 ** layout.interfaceBits;
  const excluded = room - (positions.length - unassigned.length);
  const detail =
    `interfaceBlock ${layout.interfaceBits} has room for 2^${layout.interfaceBits} = ${room} NICs of a host` +
    `${excluded > 0 ? `, ${excluded} of them in excluded ranges` : ''}, but ${whose} ${positions.length}`;
  return [error('MNN_CAPACITY', 'spec.ipam', detail)];
}

/** excludeCIDRs: networks or addresses inside the subnet that leave something to give out. */
export function validateExcludes(draft: Draft): Finding[] {
  const findings = draft.excludes.flatMap(({ path, text, cidr }) =>
    cidr ? [] : [error('MNN_EXCLUDE_INVALID', path, `excludeCIDRs: "${text}" is neither a network nor an address`)],
  );
  const subnets = draft.ownAddresses ? cidrsOf(draft.subnets) : [];
  if (subnets.length === 0 || draft.excludes.length === 0) return findings;
  for (const { path, text, cidr } of draft.excludes) {
    if (!cidr || subnets.some(subnet => covers(subnet, cidr) || covers(cidr, subnet))) continue;
    findings.push(error('MNN_EXCLUDE_INVALID', path, `excludeCIDRs: ${text} is not in ${draft.spec.subnet ?? ''}`));
  }
  for (const subnet of subnets) {
    if (usableCount(subnet, cidrsOf(draft.excludes)) > 0n) continue;
    findings.push(error('MNN_EXCLUDE_INVALID', 'spec.ipam', `excludeCIDRs leaves no address of ${formatCidr(subnet)}`));
  }
  return findings;
}
