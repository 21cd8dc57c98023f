import { layoutsOf } from '../layout/hostBlocks.ts';
import { capacityOf } from '../layout/layout.ts';
import { formatCidr } from '../net/cidr.ts';
import { describe, error } from '../network/finding.ts';
import type { Network } from '../network/network.ts';

/**
 * Why no block can be cut from a network that can be read, as a line for a person; undefined where blocks fit. The webhook refuses such a
 * network; this is for one that was stored while it was off.
 */
export function layoutProblem(network: Network): string | undefined {
  if (!network.ownAddresses) return undefined;
  for (const layout of layoutsOf(network)) {
    const { podBits } = capacityOf(layout);
    if (podBits >= 0) continue;
    const { interfaceBlock, hostBlock } = network.ipam;
    const detail =
      `${formatCidr(layout.subnet)} with interfaceBlock ${interfaceBlock} and hostBlock ${hostBlock} ` +
      `needs ${-podBits} bits more than an address has`;
    return describe(error('MNN_CAPACITY', 'spec.subnet', detail));
  }
  return undefined;
}
