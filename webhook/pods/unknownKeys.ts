import { capabilityOf, isElementKey, type NetworkSelection } from '../../core/annotation/networks.ts';
import { attachmentsKey } from '../../core/api/names.ts';
import type { Network } from '../../core/network/network.ts';
import { requestKeys } from '../../core/selection/request.ts';

/** Types that the agent implements itself, so that nothing else reads `cni-args`. */
const ownTypes: ReadonlySet<string> = new Set(['ipvlan', 'macvlan', 'ptp']);

/** How many keys a warning names, and how many characters of each. */
const shownKeys = 3;
const shownCharacters = 40;

/**
 * Keys of an element for the network that nobody reads: a misspelt key changes nothing, and the pod's author would not know. Keys with a dot
 * belong to somebody else's name space, and `cni-args` is left to the plugins where some are not ours. Multus hands some keys only to plugins that
 * have the capability.
 */
export function unknownKeyWarnings(network: Network, element: NetworkSelection): string[] {
  const { name, spec, ownAddresses } = network;
  const areOurs = ownAddresses && ownTypes.has(spec.plugin.type);
  const isRead = (key: string): boolean => {
    const capability = capabilityOf(key);
    return capability === undefined ? isElementKey(key) : !areOurs && spec.plugin.capabilities?.[capability] === true;
  };
  const strange = Object.keys(element).filter(key => !isRead(key) && !key.includes('.'));
  const args = Object.keys((areOurs ? element['cni-args'] : undefined) ?? {}).filter(
    key => !requestKeys.has(key) && key !== attachmentsKey && !key.includes('.'),
  );
  return [
    ...warning(`the element for network ${name}`, strange, 'MNN_NETWORKS_ANNOTATION_INVALID'),
    ...warning(
      `cni-args for network ${name}`,
      args,
      'MNN_CNI_ARGS_INVALID',
      `; it reads ${[...requestKeys].join(', ')}`,
    ),
  ];
}

function warning(where: string, keys: readonly string[], code: string, hint = ''): string[] {
  if (keys.length === 0) return [];
  const shown = keys.slice(0, shownKeys).map(key => JSON.stringify(key.slice(0, shownCharacters)));
  const more = keys.length > shownKeys ? ` and ${keys.length - shownKeys} more` : '';
  return [`${where} has keys that have no effect: ${shown.join(', ')}${more}${hint} (${code})`];
}
