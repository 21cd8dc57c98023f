import type { Logger } from 'pino';
import type { KubeObject } from '../api/types.ts';

/**
 * Listeners for changes. Handlers run one after the other in the informer's own turn: they should only note the key in
 * a work queue. One that throws, or whose promise is rejected, is logged and stops nothing.
 */
export interface InformerHandlers<T extends KubeObject> {
  added?(object: T): void | Promise<void>;
  /** Not called when a repeated list only brings the same object again. */
  updated?(object: T, previous: T): void | Promise<void>;
  /** @param object its last state or, where the deletion itself was missed, the last one that was seen */
  deleted?(object: T): void | Promise<void>;
}

/** Handlers that treat every change alike. */
export function onAny<T extends KubeObject>(told: (object: T) => void): InformerHandlers<T> {
  return { added: told, updated: told, deleted: told };
}

export type Change<T extends KubeObject> =
  | { readonly type: 'added' | 'deleted'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T };

/** Calls the handler for this kind of change; errors are logged, never thrown. */
export function notify<T extends KubeObject>(handlers: InformerHandlers<T>, change: Change<T>, logger: Logger): void {
  const failed = (error: unknown) => {
    const { namespace, name } = change.object.metadata;
    logger.error({ err: error, change: change.type, namespace, name }, 'informer handler failed');
  };
  try {
    const outcome = call(handlers, change);
    if (outcome instanceof Promise) outcome.catch(failed);
  } catch (error) {
    failed(error);
  }
}

function call<T extends KubeObject>(handlers: InformerHandlers<T>, change: Change<T>): void | Promise<void> {
  switch (change.type) {
    case 'added':
      return handlers.added?.(change.object);
    case 'updated':
      return handlers.updated?.(change.object, change.previous);
    case 'deleted':
      return handlers.deleted?.(change.object);
  }
}
