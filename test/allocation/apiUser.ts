import { pathOf } from '../../kube/api/resources.ts';
import type { KubeObject, ObjectRef, Resource } from '../../kube/api/types.ts';
import type { ApiAnswer, ApiBackend } from './apiBackend.ts';

/** What people, the scheduler, kubelets and the API server's own controllers do: at once, and without faults. */
export class ApiUser {
  readonly #backend: Pick<ApiBackend, 'call'>;

  constructor(backend: Pick<ApiBackend, 'call'>) {
    this.#backend = backend;
  }

  async find<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef): Promise<T | undefined> {
    const answer = await this.#call('GET', pathOf(resource, ref));
    return answer.status === 404 ? undefined : (checked(answer) as T);
  }

  async list<T extends KubeObject>(resource: Resource<T>): Promise<T[]> {
    return (checked(await this.#call('GET', pathOf(resource, {}))) as { items: T[] }).items;
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    const { namespace } = object.metadata;
    const path = pathOf(resource, namespace === undefined ? {} : { namespace });
    return checked(await this.#call('POST', path, object)) as T;
  }

  /** @returns whether the API server did it */
  async bind(resource: Resource, ref: ObjectRef, binding: object): Promise<boolean> {
    return (await this.#call('POST', pathOf(resource, ref, 'binding'), binding)).status < 300;
  }

  /** Changes the status of an object, where it (still) is. */
  async setStatus<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, status: object): Promise<void> {
    const object = await this.find(resource, ref);
    if (!object) return;
    checked(
      await this.#call('PUT', pathOf(resource, ref, 'status'), {
        ...object,
        status: { ...(object.status as object), ...status },
      }),
    );
  }

  async replace<T extends KubeObject>(resource: Resource<T>, object: T): Promise<void> {
    checked(await this.#call('PUT', pathOf(resource, object.metadata), object));
  }

  /** Adds annotations to an object, where it (still) is. */
  async annotate<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, annotations: object): Promise<void> {
    const object = await this.find(resource, ref);
    if (!object) return;
    const metadata = { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } };
    checked(await this.#call('PUT', pathOf(resource, ref), { ...object, metadata }));
  }

  /** Deletes an object, if it is there. @param options of the API's DeleteOptions */
  async delete(resource: Resource, ref: ObjectRef, options: object = {}): Promise<void> {
    const answer = await this.#call('DELETE', pathOf(resource, ref), options);
    if (answer.status !== 404 && answer.status !== 409) checked(answer);
  }

  #call(method: string, url: string, body?: object): Promise<ApiAnswer> {
    return this.#backend.call({ method, url, accept: 'application/json', body: structuredClone(body) });
  }
}

function checked({ status, body }: ApiAnswer): object {
  if (status < 300) return body;
  throw new Error(`The API server refused the test's own request: ${JSON.stringify(body)}`);
}
