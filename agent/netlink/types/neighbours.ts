import type { LinkRef, OpBase } from './common.ts';

/** A permanent entry, in the place of any other of that address: it goes with the link. */
export interface NeighbourChange extends OpBase {
  readonly op: 'neighbour.replace';
  readonly dev: LinkRef;
  readonly address: string;
  readonly mac: string;
}
