import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../build/run.ts';

/**
 * A wire between the host and one User-Mode Linux: a tap device, named after this process, that the kernel makes as it boots and that
 * goes away with it, however it ends. The subnet is a /24 of the range for tests of networks (RFC 2544), free on this host.
 */
export interface UmlNetwork {
  /** The tap device on the host. */
  readonly device: string;
  readonly hostAddress: string;
  /** On the interface `vec0` inside. Addresses .3 to .254 are free: for namespaces inside, bridged to vec0. */
  readonly guestAddress: string;
  readonly prefixLength: 24;
}

let networks = 0;

/** Chooses the names and addresses of a wire; nothing is made yet, so that servers can be told the address before the boot. */
export function planUmlNetwork(): UmlNetwork {
  const used = new Set(
    Object.values(networkInterfaces()).flatMap(list =>
      (list ?? []).map(({ address }) => address.replace(/\.\d+$/, '')),
    ),
  );
  networks += 1;
  const device = `uml${process.pid.toString(36)}n${networks.toString(36)}`;
  for (let attempt = 0; attempt < 512; attempt += 1) {
    const index = (process.pid * 8 + networks + attempt) % 512;
    const subnet = `198.${18 + Math.floor(index / 256)}.${index % 256}`;
    if (used.has(subnet)) continue;
    return { device, hostAddress: `${subnet}.1`, guestAddress: `${subnet}.2`, prefixLength: 24 };
  }
  throw new Error('Every /24 of 198.18.0.0/15 is in use on this host');
}

/** The kernel parameter that makes the tap device and the interface vec0 on it. Both ends keep up with a gigabyte in seconds. */
export function networkParameter(network: UmlNetwork): string {
  return `vec0:transport=tap,ifname=${network.device},depth=128,gro=1`;
}

/**
 * Waits until the booting kernel has made the tap device, then gives the host's end its address.
 * @param signal ends the wait when the kernel has ended
 */
export async function connectHost(network: UmlNetwork, signal: AbortSignal): Promise<void> {
  while (!existsSync(`/sys/class/net/${network.device}`)) {
    await sleep(50, undefined, { signal });
  }
  const address = `${network.hostAddress}/${network.prefixLength}`;
  await run(['ip', 'address', 'add', address, 'dev', network.device], { signal });
  await run(['ip', 'link', 'set', network.device, 'up'], { signal });
}
