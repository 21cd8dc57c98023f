import type { HostInterface, HostNic } from '../api/types.ts';
import { addressesOf, type Member } from '../layout/members.ts';

/** A PCI address as the kernel writes it: domain:bus:device.function. */
const form = /^[\da-f]{4,}:[\da-f]{2}:[\da-f]{2}\.[0-7]$/;

/**
 * PCI addresses of the NICs of all hosts that are members of the network, sorted. An address that is in the policy already stays until some
 * host has a NIC there that belongs elsewhere and none has a member: taking one away makes the SR-IOV network operator drain nodes and remove
 * virtual functions, and a NIC that is down, or a host that is gone, comes back.
 * @param stored addresses in the policy as it is
 */
export function rootDevices(
  hosts: Iterable<HostInterface>,
  membersOf: (host: HostInterface) => readonly Member[],
  stored: readonly string[],
): string[] {
  const members = new Set<string>();
  const inUse = new Set<string>();
  for (const host of hosts) {
    for (const { nic } of membersOf(host)) {
      const address = addressOf(nic);
      if (address !== undefined) members.add(address);
    }
    for (const nic of host.spec.interfaces) {
      const address = addressOf(nic);
      if (address !== undefined && addressesOf(nic).length > 0) inUse.add(address);
    }
  }
  const kept = stored.filter(address => !inUse.has(address));
  return [...new Set([...members, ...kept])].sort();
}

/** Undefined also for what is no PCI address, as users may write in a HostInterface of their own. */
function addressOf({ pciAddress }: HostNic): string | undefined {
  const address = pciAddress?.toLowerCase();
  return address !== undefined && form.test(address) ? address : undefined;
}
