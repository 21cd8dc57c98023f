/** The longest name of an interface, bytes: IFNAMSIZ without the end mark (linux/if.h). */
const maxInterfaceName = 15;

/** dev_valid_name() of the kernel (net/core/dev.c), without percent signs: of `a%d` the kernel makes a name of its own, `a0`. */
export function isInterfaceName(value: unknown): value is string {
  if (typeof value !== 'string' || !/^(?!\.{1,2}$)[^\s/:%]+$/.test(value)) return false;
  return bytesOf(value) <= maxInterfaceName;
}

/**
 * Name of the i-th link (from 0) of an attachment, in the pod. A name that leaves no room for a number is the link's as it is, and its attachment has only
 * one: KubeVirt asks for such names, and looks for them.
 */
export function linkName(ifname: string, i: number): string {
  return i === 0 && isForOneLink(ifname) ? ifname : `${ifname}-${i}`;
}

/** Whether an attachment of that name has one link, which is named so. */
function isForOneLink(ifname: string): boolean {
  return isInterfaceName(ifname) && mostLinks(ifname) === 1;
}

/** How many links an attachment of that name can have: one where there is no room for a number, ten where there is for one digit. */
export function mostLinks(ifname: string): number {
  const digits = maxInterfaceName - bytesOf(`${ifname}-`);
  return 10 ** Math.max(0, digits);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
