import type { HostInterface, MultiNicNetwork } from '../api/types.ts';

/** Whether two versions of an object have the same spec: the API server counts up the generation with every change of it. */
export function sameSpec(a: MultiNicNetwork | HostInterface, b: MultiNicNetwork | HostInterface): boolean {
  return (
    a.metadata.generation === b.metadata.generation && a.metadata.deletionTimestamp === b.metadata.deletionTimestamp
  );
}

export function sameInterfaces(a: MultiNicNetwork, b: MultiNicNetwork): boolean {
  return JSON.stringify(a.status?.interfaces) === JSON.stringify(b.status?.interfaces);
}
