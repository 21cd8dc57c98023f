import type { Logger } from 'pino';
import { whenAborted } from '../api/whenAborted.ts';

/** A part of a process that runs until its signal aborts. */
export interface Runnable {
  readonly name: string;
  /**
   * Runs until the signal aborts, and resolves when everything that it started has ended. Resolving earlier means that it
   * had nothing (more) to do; rejecting ends the process.
   */
  start(signal: AbortSignal): Promise<void>;
  /** Resolves when what is started after this one may rely on it. */
  ready?(): Promise<void>;
}

export interface RunOptions {
  readonly logger: Logger;
  /** Milliseconds for all of them to stop, after which those still running are named and left. Default 20,000. */
  readonly stopTimeoutMs?: number;
  /** All stop at the same moment, because none needs another one while it stops. Default false. */
  readonly stopTogether?: boolean;
}

interface Running {
  readonly name: string;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Starts the parts of a process in order, each when the one before is ready, and stops them in reverse order, each when
 * the one after has ended (by default), as soon as the signal aborts or one of them fails.
 *
 * @throws the error of the part that failed first, when all have stopped
 */
export async function runAll(signal: AbortSignal, runnables: readonly Runnable[], options: RunOptions): Promise<void> {
  const { logger } = options;
  const running: Running[] = [];
  const failure = Promise.withResolvers<never>();
  const stop = Promise.withResolvers<void>();
  using _ = whenAborted(signal, stop.resolve);
  let failed: { readonly error: unknown } | undefined;

  const onFailure = (name: string, error: unknown) => {
    logger.error({ err: error, part: name }, 'a part of the process failed: stopping');
    failed ??= { error };
    failure.reject(error);
  };
  // It is awaited in races only; nobody waits for a failure that happens while stopping.
  failure.promise.catch(() => undefined);

  try {
    for (const runnable of runnables) {
      if (signal.aborted) break;
      const started = launch(runnable, onFailure);
      running.push(started);
      if (runnable.ready) await Promise.race([runnable.ready(), started.ended, stop.promise, failure.promise]);
      logger.debug({ part: runnable.name }, 'started');
    }
    await Promise.race([Promise.all(running.map(({ ended }) => ended)), stop.promise, failure.promise]);
  } catch (error) {
    if (!failed) throw error;
  } finally {
    await stopInReverse(running, options);
  }
  if (failed) throw failed.error;
}

/** Parts that start together and stop together; ready when all are. */
export function group(name: string, runnables: readonly Runnable[]): Runnable {
  return {
    name,
    start: async signal => {
      const controller = new AbortController();
      using _ = whenAborted(signal, () => {
        controller.abort();
      });
      const ends = runnables.map(runnable =>
        runnable.start(controller.signal).catch((error: unknown) => {
          controller.abort();
          throw error;
        }),
      );
      const outcomes = await Promise.allSettled(ends);
      const failed = outcomes.find(outcome => outcome.status === 'rejected');
      if (failed) throw failed.reason;
    },
    ready: async () => {
      await Promise.all(runnables.map(async runnable => runnable.ready?.()));
    },
  };
}

/**
 * A signal that aborts at SIGTERM or SIGINT. A second one ends the process at once, with the exit status that shells give
 * for it. Dispose of it to restore the default handling.
 */
export function terminationSignal(logger: Logger): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143);
    logger.info({ signal: name }, 'stopping');
    controller.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    },
  };
}

function launch(runnable: Runnable, onFailure: (name: string, error: unknown) => void): Running {
  const controller = new AbortController();
  // An async wrapper, so that a start() that throws at once is a rejection too.
  const ended = (async () => runnable.start(controller.signal))().catch((error: unknown) => {
    onFailure(runnable.name, error);
  });
  return { name: runnable.name, controller, ended };
}

async function stopInReverse(
  running: readonly Running[],
  { logger, stopTimeoutMs = 20_000, stopTogether = false }: RunOptions,
): Promise<void> {
  if (stopTogether) for (const { controller } of running) controller.abort();
  const timeout = Promise.withResolvers<'timeout'>();
  const timer = setTimeout(() => {
    timeout.resolve('timeout');
  }, stopTimeoutMs);
  for (const { name, controller, ended } of running.toReversed()) {
    controller.abort();
    if ((await Promise.race([ended, timeout.promise])) === 'timeout') {
      logger.error({ part: name, stopTimeoutMs }, 'a part of the process does not stop: going on without it');
    } else logger.debug({ part: name }, 'stopped');
  }
  clearTimeout(timer);
}

/** Resolves when the signal aborts: for parts that only work when others call them. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ = whenAborted(signal, resolve);
  await promise;
}
