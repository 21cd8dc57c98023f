import { expect } from 'chai';
import pino from 'pino';
import type { Allocation } from '../../core/api/types.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { createInformers } from '../context/informers.ts';
import { injectedPods } from './injectedPods.ts';
import { PodFates } from './podFates.ts';

describe('What becomes of pods without our label, which no watch tells of', () => {
  const logger = pino({ enabled: false });
  const { signal } = new AbortController();
  const recordOf = (name: string): Allocation => {
    const nics = [{ netAddress: '172.20.1.0/24', addresses: ['10.200.0.9/18'] }];
    const since = new Date(0).toISOString();
    return { podUID: name, namespace: 'default', name, interface: 'net1', nics, state: 'Allocated', since };
  };
  const phases: Record<string, string> = { running: 'Running', finished: 'Succeeded' };

  /** Asks about each pod twice. @returns the second answers, and how often the API server was asked for each */
  const askTwice = async (pods: string[], askAgainMs?: number) => {
    const asked = new Map<string, number>();
    await using server = await AnsweringServer.start(({ url = '' }, response) => {
      const name = url.split('/').at(-1) ?? '';
      const phase = url.includes('/pods/') ? phases[name] : undefined;
      asked.set(name, (asked.get(name) ?? 0) + 1);
      if (phase === undefined) answerJson(response, 404, { kind: 'Status', reason: 'NotFound' });
      else answerJson(response, 200, { metadata: { name, uid: name }, spec: { nodeName: 'gone' }, status: { phase } });
    });
    const { nodes } = createInformers(server.client, logger);
    const fates = new PodFates(server.client, nodes, injectedPods(server.client, logger), 0, askAgainMs);
    const isOver = async (): Promise<boolean[]> => {
      fates.begin();
      return Promise.all(pods.map(pod => fates.isOver(recordOf(pod), signal)));
    };
    await isOver();
    return { over: await isOver(), asked };
  };

  it('is rarely asked of those that run: there may be thousands, and a sweep each time that any pod ends', async () => {
    const { over, asked } = await askTwice(['running']);
    expect(over).to.deep.equal([false]);
    expect(asked.get('running')).to.equal(1);
    expect((await askTwice(['running'], 0)).asked.get('running')).to.equal(2);
  });

  it('frees the addresses of those that have finished or are gone', async () => {
    expect((await askTwice(['finished', 'nobody'], 0)).over).to.deep.equal([true, true]);
  });
});
