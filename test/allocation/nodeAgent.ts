import { intentOf } from '../../agent/attach/entries.ts';
import { refuseTakenAddresses } from '../../agent/attach/takenAddresses.ts';
import { Checkpoint } from '../../agent/checkpoint/checkpoint.ts';
import type { CheckpointEntry } from '../../agent/checkpoint/entry.ts';
import { AddsUnderWay } from '../../agent/copies/addsUnderWay.ts';
import { PodSource } from '../../agent/copies/podSource.ts';
import { PoolRecords } from '../../agent/copies/poolRecords.ts';
import { Decider } from '../../agent/decision/decider.ts';
import { KubeletDevices } from '../../agent/devices/kubeletDevices.ts';
import { LostRecords } from '../../agent/release/lostRecords.ts';
import { Releaser } from '../../agent/release/releaser.ts';
import { interfaceNames, parseNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import type { ActorClient } from './actorClient.ts';
import { namespace, type Setting, silent } from './setting.ts';

/** What a CNI call may take, ms. */
const callMs = 10_000;

export interface NodeAgentOptions {
  client: ActorClient;
  node: string;
  setting: Setting;
  /** Of the node's state, which outlives the process. */
  folder: string;
  /** Told of work on the disk. */
  busy: <T>(work: Promise<T>) => Promise<T>;
}

/** The agent of one node, without the kernel: the real decisions, checkpoint and releases. */
export class NodeAgent {
  readonly client: ActorClient;
  readonly checkpoint: Checkpoint;
  readonly #busy: NodeAgentOptions['busy'];
  readonly #pods: PodSource;
  readonly #adds: AddsUnderWay;
  readonly #records: PoolRecords;
  readonly #releaser: Releaser;
  readonly #lost: LostRecords;
  readonly #decider: Decider;
  readonly #dying = new AbortController();
  readonly #dead = Promise.withResolvers<never>();

  private constructor({ client, node, setting, busy }: NodeAgentOptions, checkpoint: Checkpoint) {
    this.#busy = busy;
    this.client = client;
    this.checkpoint = checkpoint;
    this.#dead.promise.catch(() => undefined);
    const { view } = setting;
    const logger = silent;
    const pods = new PodSource({ client, node, logger });
    const store = new PoolStore(client, { logger });
    const records = new PoolRecords({ client, view, store, node, logger });
    this.#pods = pods;
    this.#records = records;
    this.#adds = new AddsUnderWay(pods);
    this.#releaser = new Releaser({ pods, adds: this.#adds, records, store, checkpoint, logger });
    this.#lost = new LostRecords({
      ...{ pods, records, store, view, node, checkpoint, logger },
      detached: entry => {
        this.#releaser.detached(entry);
      },
      isThere: () => true,
    });
    this.#decider = new Decider({
      events: { record: () => undefined },
      view,
      records,
      store,
      node,
      checkpoint,
      kubelet: new KubeletDevices('', logger),
      sysfs: '',
      findClass: () => Promise.resolve(undefined),
    });
  }

  static async open(options: NodeAgentOptions): Promise<NodeAgent> {
    return new NodeAgent(options, await Checkpoint.open(options.folder, silent));
  }

  /** Resolves when it would take CNI calls. */
  async start(): Promise<void> {
    const { signal } = this.#dying;
    void this.#pods.informer.start(signal);
    void this.#records.start(signal);
    void this.#releaser.start(signal);
    await this.#pods.informer.synced;
    void this.#lost.start(signal);
  }

  /**
   * ADD of all the pod's attachments, as chained: one after another, all or none.
   * @returns what was made
   */
  add(ref: { name: string; uid: string }, containerId: string): Promise<CheckpointEntry[]> {
    const { name, uid } = ref;
    const made = this.#adds.run({ namespace, name }, uid, this.#dying.signal, pod => this.#add(pod, containerId));
    return Promise.race([made, this.#dead.promise]);
  }

  async #add(pod: Pod, containerId: string): Promise<CheckpointEntry[]> {
    const { signal } = this.#dying;
    const until = performance.now() + callMs;
    const budget = {
      since: new Date().toISOString(),
      signal,
      remainingMs: () => Math.max(1, until - performance.now()),
    };
    const elements = parseNetworks(pod.metadata.annotations?.[annotation.networks] ?? '');
    const ifnames = interfaceNames(elements);
    const made: CheckpointEntry[] = [];
    try {
      for (const [i, element] of elements.entries()) {
        const ifname = ifnames[i] ?? '';
        const attachment = await this.#decider.decide(
          {
            ...{ containerId, ifname, callIfname: 'eth0', configName: 'test', netns: `/run/netns/${containerId}` },
            ...{ network: element.name, pod, call: { args: '', path: '' }, cniArgs: element['cni-args'] ?? undefined },
            ...{
              ips: [],
              mac: undefined,
              deviceID: undefined,
              defaultRoute: [],
              defaultFamilies: [],
              runtimeConfig: {},
            },
          },
          budget,
        );
        refuseTakenAddresses(attachment, this.checkpoint.list());
        if (signal.aborted) throw new Error('the agent died');
        const links = attachment.nics.map(({ name: link, master, addresses }) => ({
          ...{ name: link, master, addresses: [...addresses], routes: [] },
        }));
        const entry: CheckpointEntry = { ...intentOf(attachment, '4:1'), state: 'done', links };
        await this.checkpoint.put(entry);
        made.push(entry);
      }
    } catch (error) {
      for (const entry of made) await this.#forget(entry);
      throw error;
    }
    return made;
  }

  /** DEL of a sandbox. */
  async remove(containerId: string): Promise<void> {
    for (const entry of this.checkpoint.ofCall(containerId, 'eth0')) {
      await this.#forget(entry);
      this.#releaser.detached(entry);
    }
  }

  #forget(entry: CheckpointEntry): Promise<void> {
    return this.#busy(this.checkpoint.delete(entry));
  }

  /** SIGKILL; the checkpoint stays on the disk. */
  async kill(): Promise<void> {
    this.#dead.reject(new Error('the agent died'));
    this.#dying.abort();
    await this.client.close();
  }
}
