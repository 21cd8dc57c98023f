import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { ObjectMeta } from '../../core/api/types.ts';
import { defined } from '../../core/defined.ts';
import type { KubeClient } from '../api/client.ts';
import { sleep } from '../api/deadline.ts';
import { isAlreadyExists, isNotFound } from '../api/errors.ts';
import { events } from '../api/resources.ts';
import { whenAborted } from '../api/whenAborted.ts';

/** What an event is about: any object as it was read. */
export interface EventSubject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion'>;
}

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'patch'>;
  readonly logger: Logger;
  /** The program, for example `multi-nic-controller`. */
  readonly component: string;
  /** The node or pod that it runs on. */
  readonly instance: string;
  /** Repetitions within this time are counted on the same Event object. Default 10 minutes. */
  readonly windowMs?: number;
  /** Events that may wait to be written; any more are dropped, Normal ones from half of this number on. Default 1,000. */
  readonly maxPending?: number;
  /** How many events may be written per second at present, so that pods come first at the API server. Default 20. */
  readonly perSecond?: () => number;
}

/** One Event object: what it says, and how often that was said. */
interface Series {
  readonly name: string;
  readonly namespace: string;
  readonly subject: EventSubject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly first: Date;
  last: Date;
  count: number;
  /** The count that the API server has; 0: not created yet. */
  written: number;
}

/** Limits of core/v1 Event (validation of k8s.io/kubernetes pkg/apis/core): longer messages would be refused. */
const maxMessage = 1024;

/**
 * Tells users what happened to an object, as core/v1 Events (`kubectl describe` shows them). Nothing here ever fails or
 * keeps the caller waiting: what cannot be written is logged and dropped. What repeats is counted on one Event.
 */
export class EventRecorder {
  readonly name = 'event recorder';
  readonly #options: EventRecorderOptions;
  /** Keyed by what they say; the oldest first. */
  readonly #series = new Map<string, Series>();
  readonly #pending = new Set<Series>();
  #wake = Promise.withResolvers<void>();
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /**
   * @param reason one CamelCase word, for programs
   * @param message for people; cut at 1,024 characters
   */
  record(subject: EventSubject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { windowMs = 600_000, maxPending = 1_000 } = this.#options;
    const text = message.length > maxMessage ? `${message.slice(0, maxMessage - 1)}…` : message;
    const { name, namespace, uid } = subject.metadata;
    const key = JSON.stringify([subject.kind, namespace, name, uid, type, reason, text]);
    const now = new Date();
    let series = this.#series.get(key);
    if (!series || now.getTime() - series.first.getTime() > windowMs) {
      if (this.#pending.size >= (type === 'Warning' ? maxPending : maxPending / 2)) {
        if (++this.#dropped >= maxPending) this.#sayDropped();
        return;
      }
      const suffix = createHash('sha256').update(`${key}${now.getTime()}`).digest('hex').slice(0, 16);
      series = {
        name: `${name.slice(0, 200)}.${suffix}`,
        // Events of cluster-scoped objects belong in "default" (client-go tools/record).
        namespace: namespace ?? 'default',
        subject,
        type,
        reason,
        message: text,
        first: now,
        last: now,
        count: 0,
        written: 0,
      };
      this.#series.delete(key);
      this.#series.set(key, series);
    }
    series.count++;
    series.last = now;
    this.#pending.add(series);
    this.#wake.resolve();
  }

  /** Writes events until the signal aborts; then, for a moment, those that are still waiting. */
  async start(signal: AbortSignal): Promise<void> {
    using _ = whenAborted(signal, () => {
      this.#wake.resolve();
    });
    while (!signal.aborted) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers<void>();
      if (signal.aborted) break;
      for (let series = this.#next(); series; series = this.#next()) {
        await this.#write(series, 10_000);
        // When events come faster than they may be written, this loop never ends.
        this.#forgetOld();
        await sleep(1000 / (this.#options.perSecond?.() ?? 20), signal);
        if (signal.aborted) break;
      }
      this.#sayDropped();
    }
    await this.#flush();
  }

  /** Warnings first: a burst of pods has hundreds of Normal ones, and what went wrong must not wait behind them. */
  #next(): Series | undefined {
    let first: Series | undefined;
    for (const series of this.#pending) {
      if (series.type === 'Warning') return series;
      first ??= series;
    }
    return first;
  }

  async #flush(): Promise<void> {
    const until = performance.now() + 2_000;
    for (let series = this.#next(); series; series = this.#next()) {
      const left = until - performance.now();
      if (left <= 0) break;
      await this.#write(series, left);
    }
  }

  /** Never rejects. */
  async #write(series: Series, timeoutMs: number): Promise<void> {
    this.#pending.delete(series);
    const { count, last } = series;
    try {
      if (series.written > 0) await this.#patch(series, timeoutMs);
      else await this.#create(series, timeoutMs);
      series.written = count;
    } catch (error) {
      // The Event expired (one hour by default): the next repetition makes a new one.
      if (isNotFound(error)) series.written = 0;
      // It was created, but the answer was lost.
      if (isAlreadyExists(error)) series.written = 1;
      this.#options.logger.warn(
        { err: error, reason: series.reason, about: series.subject.metadata.name, count, last },
        'an event was not written',
      );
    }
  }

  async #create(series: Series, timeoutMs: number): Promise<void> {
    const { component, instance, client } = this.#options;
    const { subject, type, reason, message, first, last, count, name, namespace } = series;
    const { apiVersion, kind, metadata } = subject;
    const event = {
      metadata: { name, namespace },
      involvedObject: defined({
        apiVersion,
        kind,
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
      }),
      type,
      reason,
      message,
      firstTimestamp: first.toISOString(),
      lastTimestamp: last.toISOString(),
      count,
      source: { component, host: instance },
      reportingComponent: component,
      reportingInstance: instance,
    };
    await client.create(events, event, { timeoutMs });
  }

  async #patch(series: Series, timeoutMs: number): Promise<void> {
    const { name, namespace, count, last } = series;
    const patch = { count, lastTimestamp: last.toISOString() };
    await this.#options.client.patch(events, { name, namespace }, 'merge', patch, { timeoutMs });
  }

  #forgetOld(): void {
    const { windowMs = 600_000 } = this.#options;
    const oldest = Date.now() - windowMs;
    for (const [key, series] of this.#series) {
      if (series.first.getTime() >= oldest) return;
      if (!this.#pending.has(series)) this.#series.delete(key);
    }
  }

  #sayDropped(): void {
    if (this.#dropped === 0) return;
    this.#options.logger.warn({ dropped: this.#dropped }, 'events were dropped: too many waited to be written');
    this.#dropped = 0;
  }
}
