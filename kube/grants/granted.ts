import type { AllocatedNic } from '../../core/api/types.ts';

/** What was granted, and the pool that holds it; no pool where nothing needs to be kept. */
export interface Granted {
  nics: AllocatedNic[];
  pool: string | undefined;
  /** What a best-effort pod asked for and did not get. */
  short?: string | undefined;
  /** Whether the pool had nothing of the attachment before: who cannot use it gives it back. */
  isNew?: boolean;
  /** Id of the reservation, where it was made before the pod came. */
  ready?: string;
}
