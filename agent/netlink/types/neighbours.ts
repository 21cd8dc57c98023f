import type { LinkRef, OpBase } from './common.ts';

/** A permanent entry, which replaces any other of that address and goes with the link. */
export interface NeighbourChange extends OpBase {
  readonly op: 'neighbour.replace';
  readonly dev: LinkRef;
  readonly address: string;
  readonly mac: string;
}
