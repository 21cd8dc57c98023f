/** The addresses and names of one cluster, all functions of its slot (1–59), so that no two clusters share any. */

/** The machine's end of the cable into the cluster's main network; interface names have at most 15 characters. */
export function hostLink(slot: number): string {
  return `mntest${slot}`;
}

/** The main network: the machine is .1, node i (from 1) is .(10 + i). */
export function mainNetwork(slot: number): { host: string; node: (index: number) => string; prefixLength: number } {
  return { host: `172.30.${slot}.1`, node: index => `172.30.${slot}.${10 + index}`, prefixLength: 24 };
}

/** The secondary network of the nth NIC (from 1) of every node. */
export function nicNetwork(slot: number, nic: number): { subnet: string; node: (index: number) => string } {
  return { subnet: `10.${slot}.${nic}.0/24`, node: index => `10.${slot}.${nic}.${10 + index}/24` };
}

/** Where the primary network's pods of node i (from 1) get their addresses from. */
export function podRange(slot: number, index: number): string {
  return `10.${64 + slot}.${index}.0/24`;
}

/** Service addresses; the first one is the API server's, and the machine really has it. */
export function serviceRange(slot: number): { range: string; first: string } {
  return { range: `10.${128 + slot}.0.0/16`, first: `10.${128 + slot}.0.1` };
}

/** What the machine gets routes to, for a cluster with nodes. */
export function machineRoutes(slot: number): string[] {
  return [`172.30.${slot}.0/24`, `10.${64 + slot}.0.0/16`, serviceRange(slot).range];
}
