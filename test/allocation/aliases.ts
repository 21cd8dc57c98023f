import type { ObjectMeta } from '../../core/api/types.ts';
import type { KubeObject } from '../../kube/api/types.ts';

/** What the API server decides about an object, and a history wants decided otherwise: by the model, and by virtual time. */
interface Given {
  uid: string | undefined;
  creationTimestamp: string | undefined;
  deletionTimestamp?: string;
}

/** Puts the model's UIDs and times in the place of the API server's, and these back again. */
export class Aliases {
  readonly #byRealUid = new Map<string, { real: Given; shown: Given }>();
  readonly #byShownUid = new Map<string, { real: Given }>();

  /** @param uid that was asked for: the API server gives its own */
  created({ metadata }: KubeObject, uid = metadata.uid): void {
    const shown = { uid, creationTimestamp: new Date().toISOString() };
    const alias = { real: { uid: metadata.uid, creationTimestamp: metadata.creationTimestamp }, shown };
    this.#byRealUid.set(metadata.uid ?? '', alias);
    this.#byShownUid.set(uid ?? '', alias);
  }

  /** An object of the API server, or a list of them, as the history is to see it. */
  shown(body: object): object {
    if ('items' in body) return { ...body, items: (body.items as object[]).map(item => this.shown(item)) };
    if (!('metadata' in body)) return body;
    const { metadata } = body as KubeObject;
    const alias = this.#byRealUid.get(metadata.uid ?? '');
    if (!alias) return body;
    if (metadata.deletionTimestamp !== undefined && alias.real.deletionTimestamp === undefined) {
      alias.real.deletionTimestamp = metadata.deletionTimestamp;
      alias.shown.deletionTimestamp = new Date().toISOString();
    }
    return { ...body, metadata: { ...metadata, ...alias.shown } };
  }

  /** What a history sends, as the API server knows it: an object, a Binding, or DeleteOptions. */
  real(body: object): object {
    const { metadata, preconditions } = body as Partial<KubeObject> & { preconditions?: { uid?: string } };
    return {
      ...body,
      ...(metadata && { metadata: { ...metadata, ...this.#realOf(metadata) } }),
      ...(preconditions && { preconditions: { ...preconditions, ...this.#realOf(preconditions) } }),
    };
  }

  #realOf({ uid, creationTimestamp, deletionTimestamp }: Partial<ObjectMeta>): object {
    const real = this.#byShownUid.get(uid ?? '')?.real;
    return {
      ...(real && { uid: real.uid }),
      ...(creationTimestamp !== undefined && { creationTimestamp: real?.creationTimestamp }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp: real?.deletionTimestamp }),
    };
  }
}
