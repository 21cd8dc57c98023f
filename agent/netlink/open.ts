import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Netlink, NetlinkBackend } from './netlink.ts';

/** `auto` is koffi where it loads, and `ip` elsewhere. */
export type NetlinkChoice = 'auto' | NetlinkBackend;
export const netlinkChoices: readonly NetlinkChoice[] = ['auto', 'koffi', 'ip'];

/** Called once if koffi does not load, with the reason. */
export type OnFallback = (why: Error) => void;

const run = promisify(execFile);
/** What the fallback runs, and the packages that have it. */
const programs = { ip: 'iproute2', nsenter: 'util-linux', setpriv: 'util-linux' };

/**
 * Opens the kernel's network configuration in the way that is asked for.
 * @throws koffi's own error where it is asked for and does not load; Error that names the program that `ip` lacks
 */
export async function openNetlink(choice: NetlinkChoice = 'auto', onFallback?: OnFallback): Promise<Netlink> {
  if (choice === 'ip') return openIp();
  try {
    // Loaded only here: where koffi has no build the import itself throws.
    const { KoffiNetlink } = await import('./koffiNetlink.ts');
    return new KoffiNetlink();
  } catch (error) {
    if (choice === 'koffi') throw error;
    const why = error instanceof Error ? error : new Error(String(error));
    const netlink = await openIp(` (koffi does not load: ${why.message})`);
    onFallback?.(why);
    return netlink;
  }
}

async function openIp(why = ''): Promise<Netlink> {
  for (const [program, inPackage] of Object.entries(programs)) {
    try {
      await run(program, ['-V']);
    } catch (cause) {
      throw new Error(`netlink by way of ip needs the program ${program}: install ${inPackage}${why}`, { cause });
    }
  }
  const { IpNetlink } = await import('./ip/ipNetlink.ts');
  return new IpNetlink();
}
