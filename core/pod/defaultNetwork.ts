import { readNetworks } from '../annotation/networks.ts';
import { annotation } from '../api/names.ts';
import { MultiNicError } from '../errors.ts';
import { type NetworkDirectory, networkOf } from './selectNetworks.ts';

/** Where Multus looks for it if no namespace is named, unless its own configuration says otherwise (`multusNamespace`). */
const multusNamespace = 'kube-system';

/**
 * Refuses a pod for which Multus would have a network of ours make `eth0`, in place of the cluster's own: our interfaces are `eth0-0` and so on, so the
 * runtime would find no address of the pod, and try for ever.
 * @param annotations the pod's
 * @throws MultiNicError MNN_DEFAULT_NETWORK
 */
export function checkDefaultNetwork(
  annotations: Readonly<Record<string, string>>,
  directory: Pick<NetworkDirectory, 'appliesTo'>,
): void {
  const named = readNetworks(annotations[annotation.defaultNetwork] ?? '') ?? []; // Multus says what it cannot read
  const network = named.map(element => networkOf(element, multusNamespace, directory)).find(name => name !== undefined);
  if (network === undefined) return;
  const detail = `network ${network}, which the pod's annotation ${annotation.defaultNetwork} names, cannot be a primary network`;
  throw new MultiNicError('MNN_DEFAULT_NETWORK', detail);
}
