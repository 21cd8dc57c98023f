import type { Refusal } from './compose.ts';
import type { Failure, Op, Result } from './types.ts';
import type { MonitorEvent, Subscription } from './events.ts';

/** What the worker thread is started with, so that a bundle can tell whether it is to be the worker. */
export const workerMarker = 'multi-nic.netlink';

/** What the main thread asks of the worker; ids are the main thread's. */
export type Request =
  | {
      readonly type: 'run';
      readonly id: number;
      readonly netns: string | null;
      readonly ops: readonly Op[];
      /** One int that the main thread makes non-zero to stop the batch. */
      readonly cancel: SharedArrayBuffer | null;
    }
  | {
      readonly type: 'send';
      readonly id: number;
      readonly netns: string | null;
      /** See compose.ts; the worker's from then on. */
      readonly requests: Uint8Array<ArrayBuffer>;
      readonly cancel: SharedArrayBuffer | null;
    }
  | (Subscription & { readonly type: 'watch'; readonly id: number; readonly netns: string | null })
  | { readonly type: 'unwatch'; readonly id: number }
  | { readonly type: 'stop' };

/** What the worker says. All but 'events' answer the request of that id. */
export type Reply =
  | { readonly type: 'done'; readonly id: number; readonly results: readonly Result[] | readonly Refusal[] }
  | { readonly type: 'failed'; readonly id: number; readonly failure: Failure }
  | { readonly type: 'cancelled'; readonly id: number }
  /** A failure that is no operation's: a defect, or a thread that must end. */
  | { readonly type: 'broken'; readonly id: number; readonly message: string }
  | { readonly type: 'events'; readonly id: number; readonly events: readonly MonitorEvent[] };
