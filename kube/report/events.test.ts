import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import pino from 'pino';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { eventually } from '../../test/eventually.ts';
import { EventRecorder } from './events.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What only an API server that is always asked for more can show; test/kube has the recorder against a real one. */
describe('EventRecorder that is never idle', () => {
  let server: AnsweringServer;
  let recorder: EventRecorder;
  let recorded = 0;
  const lines: string[] = [];
  const controller = new AbortController();
  let running: Promise<void>;

  /** Of a subject that nobody but the recorder holds. */
  function record(): WeakRef<object> {
    const subject = { metadata: { name: `pod-${recorded++}`, namespace: 'ns' } };
    recorder.record(subject, 'Normal', 'NetworksChosen', 'a of eth1');
    return new WeakRef(subject);
  }

  before(async () => {
    server = await AnsweringServer.start((_, response) => {
      for (let i = 0; i < 5; i++) record();
      answerJson(response, 201, {});
    });
    const logger = pino({}, { write: (line: string) => void lines.push(line) });
    const about = { component: 'multi-nic-test', instance: 'here' };
    recorder = new EventRecorder({
      client: server.client,
      logger,
      ...about,
      windowMs: 20,
      maxPending: 50,
      perSecond: () => 10_000,
    });
    running = recorder.start(controller.signal);
  });

  after(async () => {
    controller.abort();
    await running;
    await server[Symbol.asyncDispose]();
  });

  it('forgets what it wrote a while ago, and says what it had to drop', async () => {
    const first = record();
    await eventually(
      'the first subject is nobody’s',
      () => {
        collectGarbage();
        return first.deref() === undefined;
      },
      60_000,
    );
    await eventually(
      'a word about what was dropped',
      () => lines.some(line => line.includes('events were dropped')),
      60_000,
    );
    expect(recorded).to.be.greaterThan(50);
  });
});
