import type { HostInterface, HostNic } from '../../core/api/types.ts';

/**
 * What an agent keeps of a HostInterface: all of its own node's, but of the thousands of others only what routes and probes need, about a sixth.
 * Names and subnets that many hosts have in common are kept once.
 */
export function hostTrimmer(node: string): (host: HostInterface) => HostInterface {
  const known = new Map<string, string>();
  const once = (text: string): string => {
    const earlier = known.get(text);
    if (earlier === undefined) known.set(text, text);
    return earlier ?? text;
  };
  const trimNic = ({ interfaceName, netAddress, hostIP, addresses, linkState }: HostNic): HostNic => ({
    interfaceName: once(interfaceName),
    ...(netAddress !== undefined && { netAddress: once(netAddress) }),
    ...(hostIP !== undefined && { hostIP }),
    ...(linkState === 'down' && { linkState }),
    ...(addresses && { addresses: addresses.map(each => ({ ...each, netAddress: once(each.netAddress) })) }),
  });
  return host => {
    const { apiVersion, kind, metadata, spec } = host;
    if (metadata.name === node) return host;
    const { name, uid, resourceVersion } = metadata;
    return {
      apiVersion: once(apiVersion),
      kind: once(kind),
      metadata: { name, ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) },
      spec: { hostName: name, interfaces: spec.interfaces.map(trimNic) },
    };
  };
}
