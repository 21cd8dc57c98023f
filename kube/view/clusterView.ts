import type { Logger } from 'pino';
import { networkOwner } from '../../core/api/owner.ts';
import type { Cidr, HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import { isMultiNicError, MultiNicError } from '../../core/errors.ts';
import { HostIndexes } from '../../core/layout/hostIndex.ts';
import { appliesTo, readNetwork } from '../../core/network/network.ts';
import { isOlder, sharedRange } from '../../core/network/sharedRange.ts';
import { sameSpec } from '../../core/network/versions.ts';
import type { NetworkDirectory } from '../../core/pod/selectNetworks.ts';
import type { NetworkState, NodeState } from '../../core/pool/claim.ts';
import { isOurs } from '../../core/predecessor/objects.ts';
import { onAny } from '../watch/informerHandlers.ts';
import type { ObjectCache } from '../watch/objectCache.ts';
import { HostAddresses } from './hostAddresses.ts';

const none: ReadonlyMap<string, number> = new Map();

/** The copies that a view reads. It does not fill them. */
export interface ViewSources {
  networks: ObjectCache<MultiNicNetwork>;
  cidrs: ObjectCache<Cidr>;
  hosts: ObjectCache<HostInterface>;
}

/** A network as stored, and as read. */
export interface KnownNetwork {
  object: MultiNicNetwork;
  state: NetworkState;
}

/** What this process knows of networks, hosts and host indexes from its copies of them, so without a request. */
export class ClusterView implements NetworkDirectory {
  readonly #sources: ViewSources;
  readonly #logger: Logger;
  /** By object: what a copy holds is never changed but replaced as a whole, so the object is the version. */
  readonly #read = new WeakMap<MultiNicNetwork, KnownNetwork | Error>();
  /** Per network, valid until any network changes: see {@link mustBeAlone}. */
  readonly #overlaps = new Map<string, MultiNicError | undefined>();
  /** By network and owner of the pages: those of a network that was deleted stay for a while, and tell nothing of another one of its name. */
  readonly #indexes = new Map<string, HostIndexes>();
  readonly #hostListeners: ((host: string) => void)[] = [];
  readonly #indexListeners: ((host: string) => void)[] = [];
  readonly #networkListeners: (() => void)[] = [];
  readonly #hostAddresses: HostAddresses;

  constructor(sources: ViewSources, logger: Logger) {
    this.#sources = sources;
    this.#logger = logger;
    this.#hostAddresses = new HostAddresses({
      names: () => Array.from(sources.hosts.list(), ({ metadata }) => metadata.name),
      find: name => this.host(name)?.spec,
    });
    sources.cidrs.addHandlers({
      added: page => {
        this.#setPage(page, page.spec);
      },
      updated: (page, previous) => {
        if (ownerKey(page) !== ownerKey(previous)) this.#setPage(previous, undefined);
        this.#setPage(page, page.spec);
      },
      deleted: page => {
        this.#setPage(page, undefined);
      },
    });
    const onHost = ({ metadata }: HostInterface): void => {
      this.#hostAddresses.hostChanged(metadata.name);
      for (const listener of this.#hostListeners) listener(metadata.name);
    };
    const tellNetworks = (): void => {
      this.#overlaps.clear();
      for (const listener of this.#networkListeners) listener();
    };
    const onNetworks = (): void => {
      this.#hostAddresses.networksChanged();
      tellNetworks();
    };
    sources.hosts.addHandlers(onAny(onHost));
    sources.networks.addHandlers({
      added: tellNetworks,
      // A network's status counts its addresses, so it changes all the time.
      updated: (network, previous) => {
        if (!sameSpec(network, previous)) onNetworks();
      },
      deleted: onNetworks,
    });
  }

  /** Whether every copy is complete. */
  synced(): boolean {
    const { networks, cidrs, hosts } = this.#sources;
    return networks.hasSynced && cidrs.hasSynced && hosts.hasSynced;
  }

  networkNames(): string[] {
    return [...this.#sources.networks.list()].map(({ metadata }) => metadata.name).sort();
  }

  exists(network: string): boolean {
    return this.#sources.networks.get(network) !== undefined;
  }

  appliesTo(network: string, namespace: string): boolean {
    const object = this.#sources.networks.get(network);
    return object !== undefined && appliesTo(object.spec, namespace);
  }

  /** Names of the networks that apply to the namespace and are not being deleted. */
  applicable(namespace: string): string[] {
    return [...this.#sources.networks.list()]
      .filter(({ spec, metadata }) => appliesTo(spec, namespace) && metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  /** Undefined where there is no such network. @throws MultiNicError where its spec cannot be read */
  network(name: string): KnownNetwork | undefined {
    const object = this.#sources.networks.get(name);
    if (!object) return undefined;
    const known = this.#networkOf(object);
    if (known instanceof Error) throw known;
    return known;
  }

  /** @throws MultiNicError MNN_NETWORK_UNKNOWN, or where its spec cannot be read */
  mustHave(name: string): KnownNetwork {
    const known = this.network(name);
    if (!known) throw new MultiNicError('MNN_NETWORK_UNKNOWN', `there is no MultiNicNetwork "${name}"`);
    return known;
  }

  /**
   * Other networks that give out the same addresses as this one, whether in its stored or its new form. Such networks are refused; but two that
   * come at the same moment do not see each other when they are checked, and some were stored before there was a webhook.
   */
  sharing(object: MultiNicNetwork): { other: KnownNetwork; range: string }[] {
    const known = this.#networkOf(object);
    if (known instanceof Error) return [];
    return this.networks().flatMap(other => {
      if (other.object.metadata.name === object.metadata.name) return [];
      const range = sharedRange(known.state.network, other.state.network);
      return range === undefined ? [] : [{ other, range }];
    });
  }

  /**
   * @throws MultiNicError MNN_OVERLAP where an older network gives out the same addresses, MNN_NOT_IMPORTED where the predecessor did: to pods
   * of which nothing is known here
   */
  mustBeAlone({ object, state }: KnownNetwork): void {
    const { name } = object.metadata;
    const left = this.#sources.cidrs.get(name);
    if (left && !isOurs(left) && state.network.ownAddresses) {
      const detail = `network ${name} gives out nothing: CIDR ${name} is of the multi-nic-cni operator, and pods may have its addresses`;
      throw new MultiNicError('MNN_NOT_IMPORTED', detail);
    }
    if (!this.#overlaps.has(name)) this.#overlaps.set(name, this.#overlapOf(object));
    const found = this.#overlaps.get(name);
    if (found) throw found;
  }

  /** All networks whose spec can be read. */
  networks(): KnownNetwork[] {
    return [...this.#sources.networks.list()].flatMap(object => {
      const known = this.#networkOf(object);
      return known instanceof Error ? [] : [known];
    });
  }

  host(name: string): HostInterface | undefined {
    return this.#sources.hosts.get(name);
  }

  hosts(): IterableIterator<HostInterface> {
    return this.#sources.hosts.list();
  }

  /** Host name → host index in the network; changes with its pages. */
  hostIndexes(network: string): ReadonlyMap<string, number> {
    const uid = this.#sources.networks.get(network)?.metadata.uid;
    return (this.#indexes.get(`${network} ${uid}`) ?? this.#indexes.get(`${network} `))?.indexes ?? none;
  }

  /** From now on, calls the listener with the name of each host whose HostInterface changes. */
  addHostListener(listener: (host: string) => void): void {
    this.#hostListeners.push(listener);
  }

  /** The same for each host whose index changes, in any network: a new network gives one to thousands. */
  addIndexListener(listener: (host: string) => void): void {
    this.#indexListeners.push(listener);
  }

  /** Calls the listener whenever a network is added or deleted, or its spec changes. */
  addNetworkListener(listener: () => void): void {
    this.#networkListeners.push(listener);
  }

  /** What is needed to choose NICs of the network on the node. */
  nodeState({ state }: KnownNetwork, node: string): NodeState {
    const { network } = state;
    return {
      name: node,
      host: this.host(node)?.spec,
      hostIndex: this.hostIndexes(network.name).get(node),
      ...(network.subnets.length === 0 ? { hostAddresses: this.#hostAddresses.of(network) } : {}),
    };
  }

  #setPage(object: Cidr, page: Cidr['spec'] | undefined): void {
    const key = ownerKey(object);
    const indexes = this.#indexes.get(key) ?? new HostIndexes();
    this.#indexes.set(key, indexes);
    for (const host of indexes.setPage(object.metadata.name, page))
      for (const listener of this.#indexListeners) listener(host);
    if (indexes.indexes.size === 0) this.#indexes.delete(key);
  }

  #overlapOf(object: MultiNicNetwork): MultiNicError | undefined {
    const older = this.sharing(object).find(({ other }) => isOlder(other.object.metadata, object.metadata));
    if (!older) return undefined;
    const { name } = older.other.object.metadata;
    const detail = `network ${object.metadata.name} gives out nothing: network ${name}, which is older, gives out ${older.range}, too`;
    return new MultiNicError('MNN_OVERLAP', detail);
  }

  #networkOf(object: MultiNicNetwork): KnownNetwork | Error {
    let known = this.#read.get(object);
    if (known) return known;
    try {
      known = { object, state: { network: readNetwork(object), interfaces: object.status?.interfaces ?? [] } };
    } catch (error) {
      if (!isMultiNicError(error)) throw error;
      // It was stored while no webhook checked it. It is logged once a version, and the controller says so in its status.
      this.#logger.warn({ network: object.metadata.name, err: error }, 'the network cannot be used');
      known = error;
    }
    this.#read.set(object, known);
    return known;
  }
}

/** A page without an owner counts until there is one with: somebody has written it by hand. */
function ownerKey({ metadata, spec: { network } }: Cidr): string {
  return `${network} ${networkOwner(metadata)?.uid ?? ''}`;
}
