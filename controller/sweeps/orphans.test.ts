import { expect } from 'chai';
import pino from 'pino';
import { largeCluster } from '../../bench/support/largeCluster.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { createInformers } from '../context/informers.ts';
import { sweepOrphans } from './orphans.ts';

const { hosts } = largeCluster(20, 1);
const runningOn = (nodeName: string): Pod => ({
  metadata: { name: 'p' },
  spec: { nodeName, containers: [] },
  status: { phase: 'Running' },
});

/** An API server without any Node. */
interface Server {
  /** What its cache of pods answers for a version that it has not reached; absent: it reaches it. */
  readonly behind?: { status: number };
  /** The host that a pod is bound to, of which only etcd tells yet. */
  readonly busy?: string;
}

/** What a sweep deletes, and how often it has all pods read from etcd. */
async function swept({ behind, busy }: Server): Promise<{ deleted: string[]; readsOfAll: number }> {
  const deleted: string[] = [];
  let readsOfAll = 0;
  await using server = await AnsweringServer.start(({ url = '', method = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://here');
    const list = (items: Pod[]): void => {
      answerJson(response, 200, { items, metadata: { resourceVersion: '9' } });
    };
    if (method === 'DELETE') {
      deleted.push(pathname.split('/').at(-1) ?? '');
      answerJson(response, 200, {});
    } else if (!pathname.endsWith('/pods')) answerJson(response, 404, { kind: 'Status', reason: 'NotFound' });
    else if (searchParams.get('limit') === '1' || searchParams.get('resourceVersion') === '0') list([]);
    else if (searchParams.has('resourceVersion') && searchParams.get('limit') === '0') {
      if (behind) answerJson(response, behind.status, { kind: 'Status', message: 'Too large resource version' });
      else
        list(
          busy !== undefined && searchParams.get('fieldSelector') === `spec.nodeName=${busy}` ? [runningOn(busy)] : [],
        );
    } else {
      readsOfAll++;
      list(busy === undefined ? [] : [runningOn(busy)]);
    }
  });
  const { client } = server;
  const logger = pino({ enabled: false });
  const informers = createInformers(client, logger);
  informers.hosts.replace(hosts);
  await sweepOrphans({ client, logger, informers }, new AbortController().signal);
  return { deleted: deleted.sort(), readsOfAll };
}

const allBut = (name?: string): string[] =>
  hosts
    .map(({ metadata }) => metadata.name)
    .filter(host => host !== name)
    .sort();

describe('The sweep of what nodes had that are gone', () => {
  it('does not have all pods read for each of them: hundreds may go at once, where there are 150,000 pods', async () => {
    expect(await swept({})).to.deep.equal({ deleted: allBut(), readsOfAll: 0 });
  });

  it('believes of the cache only what it knows to be as new as what is stored', async () => {
    expect((await swept({ busy: 'host-7' })).deleted).to.deep.equal(allBut('host-7'));
  });

  it('has them read once where no pod changes, so that the cache does not come to know that it is up to date', async () => {
    const behind = { status: 504 };
    expect(await swept({ behind, busy: 'host-7' })).to.deep.equal({ deleted: allBut('host-7'), readsOfAll: 1 });
  });

  it('deletes nothing where it gets no answer', async () => {
    const failed = await swept({ behind: { status: 500 } }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failed).to.be.instanceOf(Error);
  });
});
