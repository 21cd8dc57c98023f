import type { CniCall } from '../../core/cni/call.ts';

/** CNI_ARGS that ask for one interface (CNI CONVENTIONS.md, "CNI_ARGS"). */
const interfaceArgs: ReadonlySet<string> = new Set(['IP', 'GATEWAY', 'MAC']);

/**
 * CNI_ARGS and CNI_PATH of a call, for the plugins that are called in turn. Chained, what CNI_ARGS ask for is meant for the primary interface, and no
 * plugin of ours may take it.
 */
export function handedOn({ args, path }: CniCall, chained: boolean): { args: string; path: string } {
  const handed = Object.entries(args).filter(([key]) => !chained || !interfaceArgs.has(key));
  return { args: handed.map(([key, value]) => `${key}=${value}`).join(';'), path };
}
