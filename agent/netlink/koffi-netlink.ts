import type { MonitorGroup } from './events.ts';
import { NetlinkFacade } from './facade.ts';
import type { OnFailure } from './failure.ts';
import { Monitor } from './monitor.ts';
import type { NetnsPath, Op, Result } from './types.ts';
import { WorkerHost } from './worker-host.ts';

export interface KoffiNetlinkOptions {
  /**
   * The module that the worker thread runs; by default worker.ts beside this file, or in a bundle netlink-worker.js beside
   * the bundle. It may be any module that calls runNetlinkWorker where isNetlinkWorker.
   */
  readonly worker?: URL;
}

/** Netlink over sockets of its own, one worker thread for all of it. Importing this module throws where koffi has no build. */
export class KoffiNetlink extends NetlinkFacade {
  readonly backend = 'koffi';
  readonly #host: WorkerHost;

  constructor(options: KoffiNetlinkOptions = {}) {
    super();
    this.#host = new WorkerHost(options.worker ?? defaultWorker());
  }

  monitor(netns: NetnsPath | null, groups: readonly MonitorGroup[]): Promise<Monitor> {
    return Monitor.start(this.#host, netns, groups);
  }

  close(): Promise<void> {
    return this.#host.close();
  }

  protected async execute(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    const cancel = signal === undefined ? null : new SharedArrayBuffer(4);
    const abort = (): void => {
      if (cancel !== null) Atomics.store(new Int32Array(cancel), 0, 1);
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await this.#host.ask({ type: 'run', id: this.#host.nextId(), netns, ops, onFailure, cancel }, signal);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
}

function defaultWorker(): URL {
  const here = import.meta.url;
  return new URL(here.endsWith('.ts') ? './worker.ts' : './netlink-worker.js', here);
}
