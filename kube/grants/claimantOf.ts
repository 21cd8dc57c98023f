import { annotation } from '../../core/api/names.ts';
import type { Claimant } from '../../core/pool/holder.ts';
import type { Pod } from '../api/resources.ts';

/** A pod that exists, for one of its interfaces, with the reservation that was made when it was created. */
export function claimantOf({ metadata }: Pod, ifname: string): Claimant {
  const reservation = metadata.annotations?.[annotation.reservation];
  return {
    podUID: metadata.uid ?? '',
    ...(reservation === undefined ? {} : { reservation }),
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    interface: ifname,
  };
}
