/** The longest name of an interface, bytes: IFNAMSIZ without the end mark (linux/if.h). */
const maxInterfaceName = 15;

/** dev_valid_name() of the kernel (net/core/dev.c). */
export function isInterfaceName(value: unknown): value is string {
  if (typeof value !== 'string' || !/^(?!\.{1,2}$)[^\s/:]+$/.test(value)) return false;
  return new TextEncoder().encode(value).length <= maxInterfaceName;
}
