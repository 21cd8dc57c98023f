import type { KubeList, KubeObject } from '../../kube/api/types.ts';
import { Aliases } from './aliases.ts';
import { type ApiAnswer, type ApiBackend, type ApiCall, failure } from './apiBackend.ts';
import { type ApiPath, parsePath } from './apiPath.ts';
import { EventLog, type LoggedChange } from './eventLog.ts';
import type { RealServer } from './realServer.ts';

/**
 * A real API server, for one history. Its log is made of what the API server says of each write, so watches are the test's to hold; and what
 * may be read from the watch cache is read as of an exact version, so how old the cache is is the test's to say. One call at a time.
 */
export class RealApi implements ApiBackend {
  readonly log = new EventLog();
  readonly #server: RealServer;
  readonly #aliases = new Aliases();
  /** The last that was heard of each object. */
  readonly #known = new Map<string, KubeObject>();

  constructor(server: RealServer) {
    this.#server = server;
  }

  async call(request: ApiCall, staleBy = 0): Promise<ApiAnswer> {
    const { method, url } = request;
    const path = parsePath(url);
    const isCached = path.query.get('resourceVersion') === '0';
    if (method === 'GET' && isCached && path.name !== undefined && staleBy < this.log.changes.length) {
      return this.#seenBefore(path, staleBy);
    }
    if (method === 'GET') {
      const { status, body } = await this.#server.send({ ...request, url: this.#readUrl(path, staleBy) });
      return { status, body: this.#aliases.shown(body) };
    }
    const given = request.body as KubeObject;
    const { status, body } = await this.#server.send({ ...request, body: this.#aliases.real(given) });
    if (status >= 300) return { status, body };
    if (method === 'POST' && path.subresource === undefined) {
      this.#aliases.created(body as KubeObject, given.metadata.uid);
      const answer = this.#aliases.shown(body) as KubeObject;
      this.#note({ ...path, key: `${path.prefix}${answer.metadata.name}` }, answer);
      return { status, body: answer };
    }
    await this.#look(path);
    return { status, body: this.#aliases.shown(body) };
  }

  /** An old version of one object, which no API server can be asked for: as it was heard of. */
  #seenBefore({ plural, namespace, name }: ApiPath, staleBy: number): ApiAnswer {
    const { changes } = this.log;
    const isOfIt = ({ plural: kind, object: { metadata } }: LoggedChange): boolean =>
      kind === plural && metadata.namespace === namespace && metadata.name === name;
    const last = changes.slice(0, changes.length - staleBy).findLast(isOfIt);
    if (last && !last.isDeleted) return { status: 200, body: last.object };
    return failure(404, 'NotFound', `${plural} "${name}" not found`);
  }

  #readUrl({ collection, name, query }: ApiPath, staleBy: number): string {
    const parameters = new URLSearchParams(query);
    if (parameters.get('resourceVersion') === '0') {
      parameters.delete('resourceVersion');
      const { changes } = this.log;
      const cached = changes.at(-1 - staleBy) ?? changes.at(-1);
      if (cached && name === undefined) {
        parameters.set('resourceVersion', cached.object.metadata.resourceVersion ?? '');
        parameters.set('resourceVersionMatch', 'Exact');
      }
    }
    return `${name === undefined ? collection : `${collection}/${name}`}?${parameters.toString()}`;
  }

  /** Finds out what a write has made of an object: not all answers say it, and none says the version of a deletion. */
  async #look(path: ApiPath): Promise<void> {
    const read = (url: string): Promise<ApiAnswer> =>
      this.#server.send({ method: 'GET', url, accept: 'application/json', body: undefined });
    const { status, body } = await read(`${path.collection}/${path.name}`);
    if (status === 404) {
      const list = (await read(`${path.collection}?limit=1`)).body as KubeList<KubeObject>;
      this.#noteDeletion(path, list.metadata.resourceVersion ?? '');
    } else {
      this.#note(path, this.#aliases.shown(body) as KubeObject);
    }
  }

  #note({ plural, key }: ApiPath, object: KubeObject): void {
    const previous = this.#known.get(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#known.set(key, object);
    this.log.append({ plural, previous, object, isDeleted: false });
  }

  #noteDeletion({ plural, key }: ApiPath, resourceVersion: string): void {
    const previous = this.#known.get(key);
    if (!previous) throw new Error(`${key} is gone, and was not known`);
    this.#known.delete(key);
    const object = { ...previous, metadata: { ...previous.metadata, resourceVersion } };
    this.log.append({ plural, previous, object, isDeleted: true });
  }
}
