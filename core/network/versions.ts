import type { HostInterface, HostInterfaceSpec, MultiNicNetwork } from '../api/types.ts';

/** Whether two versions of an object have the same spec: the API server counts up the generation with every change of it. */
export function sameSpec(a: MultiNicNetwork | HostInterface, b: MultiNicNetwork | HostInterface): boolean {
  return (
    a.metadata.generation === b.metadata.generation && a.metadata.deletionTimestamp === b.metadata.deletionTimestamp
  );
}

/** Whether two versions of a network have the same interface indexes. */
export function sameInterfaces(a: MultiNicNetwork, b: MultiNicNetwork): boolean {
  return JSON.stringify(a.status?.interfaces) === JSON.stringify(b.status?.interfaces);
}

/** Without what depends on the link's state: the kernel knows its speed only while it is up. */
export function withoutLinkStates({ interfaces, ...spec }: HostInterfaceSpec): object {
  return { ...spec, interfaces: interfaces.map(nic => ({ ...nic, linkState: undefined, speedMbps: undefined })) };
}

/** Whether a host has the same NICs in both, whatever the state of their links. */
export function sameNics(a: HostInterface, b: HostInterface): boolean {
  return JSON.stringify(withoutLinkStates(a.spec)) === JSON.stringify(withoutLinkStates(b.spec));
}
