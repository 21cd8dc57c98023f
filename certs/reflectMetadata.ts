/**
 * The three functions of the Reflect metadata proposal that @peculiar/x509's dependency container asks for when it loads.
 * Import this file before that package. An implementation that is already there is left in place.
 */
type Metadata = Map<unknown, unknown>;

interface MetadataReflect {
  getMetadata?: (key: unknown, target: object) => unknown;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
}

const store = new WeakMap<object, Metadata>();

function getOwnMetadata(key: unknown, target: object): unknown {
  return store.get(target)?.get(key);
}

function getMetadata(key: unknown, target: object): unknown {
  for (let owner: object | null = target; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    const metadata = store.get(owner);
    if (metadata?.has(key)) return metadata.get(key);
  }
  return undefined;
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const metadata = store.get(target) ?? new Map<unknown, unknown>();
  store.set(target, metadata.set(key, value));
}

const reflect = Reflect as MetadataReflect;
if (reflect.getMetadata === undefined) Object.assign(reflect, { getMetadata, getOwnMetadata, defineMetadata });
