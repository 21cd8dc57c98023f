import { run } from '../../build/run.ts';
import { parseAddress } from '../../core/net/address.ts';
import { cidrOf, type IpCidr, overlap, parseCidr } from '../../core/net/cidr.ts';

/** The IPv4 networks that this machine has routes to, other than by its default route. */
export async function machineNetworks(): Promise<IpCidr[]> {
  const { stdout } = await run(['ip', '-json', '-4', 'route', 'show']);
  const routes = JSON.parse(stdout) as { dst: string }[];
  return routes
    .filter(({ dst }) => dst !== 'default')
    .map(({ dst }) => (dst.includes('/') ? parseCidr(dst) : cidrOf(parseAddress(dst), 32)));
}

/** Whether any of the networks, as address/prefix, shares addresses with any of the others. */
export function anyOverlap(networks: readonly string[], others: readonly IpCidr[]): boolean {
  return networks.map(parseCidr).some(network => others.some(other => overlap(network, other)));
}
