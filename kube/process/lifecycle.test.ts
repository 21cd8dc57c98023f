import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { group, runAll, type Runnable } from './lifecycle.ts';

const logger = pino({ enabled: false });

/** A part that writes down what happens to it. */
function part(name: string, log: string[], extra: Partial<Runnable> = {}): Runnable {
  return {
    name,
    start: async signal => {
      log.push(`${name} starts`);
      if (!signal.aborted) await once(signal, 'abort');
      log.push(`${name} stops`);
    },
    ...extra,
  };
}

describe('runAll', () => {
  it('starts in order, each when the one before is ready, and stops in reverse order', async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const slow = {
      ready: async () => {
        await Promise.resolve();
        log.push('a ready');
      },
    };
    const last = {
      ready: () => {
        queueMicrotask(() => {
          controller.abort();
        });
        return Promise.resolve();
      },
    };
    await runAll(controller.signal, [part('a', log, slow), part('b', log), part('c', log, last)], { logger });
    expect(log).to.deep.equal(['a starts', 'a ready', 'b starts', 'c starts', 'c stops', 'b stops', 'a stops']);
  });

  it('stops all parts at once if asked to', async () => {
    const log: string[] = [];
    const lines: string[] = [];
    const first = Promise.withResolvers<void>();
    const a: Runnable = { name: 'a', start: signal => part('a', log).start(signal).finally(first.resolve) };
    const waiting: Runnable = { name: 'waits for a', start: () => first.promise };
    const controller = new AbortController();
    const running = runAll(controller.signal, [a, waiting], {
      logger: pino({}, { write: (line: string) => void lines.push(line) }),
      ...{ stopTogether: true, stopTimeoutMs: 1000 },
    });
    setImmediate(() => {
      controller.abort();
    });
    await running;
    expect(log).to.deep.equal(['a starts', 'a stops']);
    expect(lines).to.deep.equal([]);
  });

  it('stops all when one fails, and throws its error', async () => {
    const log: string[] = [];
    const failing: Runnable = { name: 'bad', start: () => Promise.reject(new Error('no port')) };
    let error: unknown;
    await runAll(new AbortController().signal, [part('a', log), failing], { logger }).catch((thrown: unknown) => {
      error = thrown;
    });
    expect(error).to.be.an('error').with.property('message', 'no port');
    expect(log).to.deep.equal(['a starts', 'a stops']);
  });

  it('does not wait for the readiness of a part that failed', async () => {
    const never: Runnable = {
      name: 'never ready',
      start: () => Promise.reject(new Error('broken')),
      ready: () => new Promise(() => undefined),
    };
    const outcome = await runAll(new AbortController().signal, [never], { logger }).catch((error: unknown) => error);
    expect(outcome).to.be.an('error').with.property('message', 'broken');
  });

  it('stops while a part is not ready yet, without starting the next', async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const pending = {
      ready: () => {
        setImmediate(() => {
          controller.abort();
        });
        return new Promise<void>(() => undefined);
      },
    };
    await runAll(controller.signal, [part('a', log, pending), part('b', log)], { logger });
    expect(log).to.deep.equal(['a starts', 'a stops']);
  });

  it('goes on without a part that does not stop in time, and names it', async () => {
    const log: string[] = [];
    const lines: string[] = [];
    const stubborn: Runnable = { name: 'stubborn', start: () => new Promise(() => undefined) };
    await runAll(AbortSignal.abort(), [], { logger });
    const controller = new AbortController();
    const running = runAll(controller.signal, [part('a', log), stubborn], {
      logger: pino({}, { write: (line: string) => void lines.push(line) }),
      stopTimeoutMs: 20,
    });
    setImmediate(() => {
      controller.abort();
    });
    await running;
    expect(log).to.include('a stops');
    expect(lines.join()).to.include('"part":"stubborn"');
  });
});

describe('group', () => {
  it('is ready when all are, and stops all when one fails', async () => {
    const log: string[] = [];
    const bad: Runnable = { name: 'bad', start: () => Promise.reject(new Error('broken')) };
    const error = await group('both', [part('a', log), bad])
      .start(new AbortController().signal)
      .catch((thrown: unknown) => thrown);
    expect(error).to.be.an('error').with.property('message', 'broken');
    expect(log).to.deep.equal(['a starts', 'a stops']);
  });
});

describe('terminationSignal', () => {
  it('stops a process in good order at SIGTERM, and leaves nothing that keeps it alive', async () => {
    const program = `
      import { runAll, terminationSignal } from ${JSON.stringify(join(import.meta.dirname, 'lifecycle.ts'))};
      const logger = { info() {}, debug() {}, error() {} };
      using termination = terminationSignal(logger);
      const part = {
        name: 'part',
        start: signal => new Promise(resolve => {
          const timer = setInterval(() => {}, 1000);
          signal.addEventListener('abort', () => { clearInterval(timer); console.log('stopped'); resolve(); });
          console.log('started');
        }),
      };
      await runAll(termination.signal, [part], { logger });
      console.log('ended');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output === 'started\n') child.kill('SIGTERM');
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    expect({ code, output }).to.deep.equal({ code: 0, output: 'started\nstopped\nended\n' });
  });
});
