/** The longest name of an interface, bytes: IFNAMSIZ without the end mark (linux/if.h). */
const maxInterfaceName = 15;

/** dev_valid_name() of the kernel (net/core/dev.c), without percent signs: of `a%d` the kernel makes a name of its own, `a0`. */
export function isInterfaceName(value: unknown): value is string {
  if (typeof value !== 'string' || !/^(?!\.{1,2}$)[^\s/:%]+$/.test(value)) return false;
  return new TextEncoder().encode(value).length <= maxInterfaceName;
}
