/** A host's NIC, as far as its MTU counts. */
export interface Carrier {
  /** The subnet, or the rail, that it shares with its counterparts on other hosts. */
  readonly netAddress: string;
  readonly name: string;
  readonly host: string;
  /** Bytes. */
  readonly mtu: number;
}

interface Extremes {
  least: Carrier;
  most: Carrier;
}

/** Where NICs that share a subnet carry packets of different sizes, in words; undefined where all of a subnet carry the same. */
export function differentMtus(carriers: Iterable<Carrier>): string | undefined {
  const subnets = new Map<string, Extremes>();
  for (const carrier of carriers) {
    const seen = subnets.get(carrier.netAddress);
    if (!seen) subnets.set(carrier.netAddress, { least: carrier, most: carrier });
    else if (carrier.mtu < seen.least.mtu) seen.least = carrier;
    else if (carrier.mtu > seen.most.mtu) seen.most = carrier;
  }
  const [first, ...more] = [...subnets.values()].filter(({ least, most }) => least.mtu < most.mtu);
  if (first === undefined) return undefined;
  const { least, most } = first;
  const rest = more.length === 0 ? '' : `; likewise in ${more.length} more subnets`;
  return (
    `in ${least.netAddress} ${most.name} of host ${most.host} carries ${most.mtu} bytes, ` +
    `but ${least.name} of host ${least.host} only ${least.mtu}${rest}`
  );
}
