import { annotation, cniType, label } from '../api/names.ts';
import { networkOwner, ownedBy } from '../api/owner.ts';
import type { ApiObject, MultiNicNetwork, ObjectMeta, PluginSpec } from '../api/types.ts';
import { pluginArgs } from '../delegate/pluginArgs.ts';
import { isRecord } from '../json.ts';
import { existingResource } from '../network/deviceResource.ts';
import type { Network } from '../network/network.ts';

/** NetworkAttachmentDefinition (k8s.cni.cncf.io/v1): a CNI network configuration that Multus reads. */
export type NetAttachDef = ApiObject<{ config: string }>;

/** The CNI network configuration of a network: what the executable gets on stdin, before Multus adds `args.cni`. */
export interface NetConf {
  cniVersion: string;
  name: string;
  type: string;
  capabilities: Record<string, boolean>;
  ipam: Record<string, unknown>;
  dns: Record<string, unknown>;
  plugin: Record<string, unknown>;
  subnet?: string;
  masterNets?: string[];
  multiNICIPAM?: boolean;
}

/**
 * The network's CNI configuration. Keys and shapes are those that the predecessor generated, so that definitions written by hand after its
 * example work with this executable, too.
 */
export function netConfOf({ name, ipam, spec }: Network): NetConf {
  const { plugin } = spec;
  const resourceName = existingResource(plugin);
  return {
    cniVersion: plugin.cniVersion,
    name,
    type: cniType,
    capabilities: capabilitiesOf(plugin),
    ipam: ipam.raw,
    dns: { ...plugin.dns },
    plugin: {
      cniVersion: plugin.cniVersion,
      type: plugin.type,
      ...pluginArgs(plugin.type, plugin.args),
      ...(resourceName !== undefined && { resourceName }),
    },
    ...(spec.subnet ? { subnet: spec.subnet } : {}),
    ...(spec.masterNets?.length ? { masterNets: spec.masterNets } : {}),
    ...(spec.multiNICIPAM ? { multiNICIPAM: true } : {}),
  };
}

/** What any of the network's plugins takes; Multus passes only what is declared. `ips` and `mac` are what pods ask for in their selection. */
function capabilitiesOf({ capabilities, chain = [] }: PluginSpec): Record<string, boolean> {
  const ofChain = chain.flatMap(each => Object.entries(each.capabilities ?? {})).filter(([, isTaken]) => isTaken);
  return { ...capabilities, ...Object.fromEntries(ofChain), ips: true, mac: true };
}

/**
 * The definition of the network in a namespace, owned by the network so that it goes with it.
 * @param resources of the devices that a device plugin hands out. The annotation resourceName has room for one: who adds what it says to the requests of
 *   pods, as the network resources injector and KubeVirt do, takes it for a name.
 */
export function netAttachDefOf(
  network: Network,
  object: MultiNicNetwork,
  namespace: string,
  resources: readonly string[],
): NetAttachDef {
  const [resource] = resources;
  const isNamed = resource !== undefined && resources.length === 1;
  const metadata: ObjectMeta = {
    name: network.name,
    namespace,
    labels: { [label.generated]: 'true', [label.network]: network.name },
    ...(isNamed && { annotations: { [annotation.resourceName]: resource } }),
    ownerReferences: [{ ...ownedBy(object.metadata), controller: true, blockOwnerDeletion: true }],
  };
  return {
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata,
    spec: { config: JSON.stringify(netConfOf(network)) },
  };
}

/** The plugin that a definition of ours was made for, and its resource; of no type where its configuration is not one of ours. */
export function definedPlugin({ spec }: { spec?: { config?: string } }): Pick<PluginSpec, 'type' | 'args'> {
  try {
    const config: unknown = JSON.parse(spec?.config ?? '');
    const { type, resourceName } = isRecord(config) && isRecord(config.plugin) ? config.plugin : {};
    if (typeof type === 'string') return { type, ...(typeof resourceName === 'string' && { args: { resourceName } }) };
  } catch {
    // Somebody broke it; it will be rewritten soon.
  }
  return { type: '' };
}

/**
 * Whether we may change a definition: a MultiNicNetwork of its name owns it, or, before owner references were written, the predecessor
 * left its label and nobody owns it.
 */
export function isOurs({ metadata }: Pick<ApiObject<unknown>, 'metadata'>, network: string): boolean {
  const owner = networkOwner(metadata);
  if (owner) return owner.name === network;
  return metadata.labels?.[label.generated] === 'true' && (metadata.ownerReferences ?? []).length === 0;
}
