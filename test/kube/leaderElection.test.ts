import { type ChildProcess, fork } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { KubeClient } from '../../kube/api/client.ts';
import { leases } from '../../kube/api/resources.ts';
import { LeaderElector } from '../../kube/leader/leaderElection.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { silent } from './support.ts';

const times = { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 200 };

describe('LeaderElector, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;
  const stops: (() => Promise<void>)[] = [];

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'leader-election', nodes: 0 });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
  });

  afterEach(async () => {
    await Promise.all(stops.splice(0).map(stop => stop()));
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  function candidate(
    name: string,
    identity: string,
    log: string[],
    {
      work,
      retryPeriodMs = times.retryPeriodMs,
    }: { work?: (signal: AbortSignal) => Promise<void>; retryPeriodMs?: number } = {},
  ) {
    const controller = new AbortController();
    const elector = new LeaderElector({
      client,
      lease: { namespace: 'default', name },
      identity,
      logger: silent,
      ...times,
      retryPeriodMs,
      onStarted:
        work ??
        (async signal => {
          log.push(`${identity} leads`);
          if (!signal.aborted) await once(signal, 'abort');
          log.push(`${identity} ends`);
        }),
    });
    const running = elector.start(controller.signal);
    const stop = async () => {
      controller.abort();
      await running;
    };
    stops.push(() => stop().catch(() => undefined));
    return { elector, stop, running };
  }

  it('has one of two candidates lead, and the other follow at once when it gives up', async () => {
    const log: string[] = [];
    const a = candidate('handover', 'a', log);
    await eventually('a leads', () => a.elector.isLeader);
    const b = candidate('handover', 'b', log);
    // Long enough for several attempts of b, and for a lease that is not renewed to expire.
    await sleep(times.leaseDurationMs + 1_000);
    expect({ a: a.elector.isLeader, b: b.elector.isLeader }).to.deep.equal({ a: true, b: false });
    await a.stop();
    const released = await client.get(leases, { namespace: 'default', name: 'handover' });
    expect(released.spec?.holderIdentity).to.be.oneOf(['', 'b']);
    await eventually('b leads', () => b.elector.isLeader);
    expect(log).to.deep.equal(['a leads', 'a ends', 'b leads']);
    const { spec } = await client.get(leases, { namespace: 'default', name: 'handover' });
    expect(spec).to.include({ holderIdentity: 'b', leaseTransitions: 1, leaseDurationSeconds: 3 });
  });

  it('ends its lead when the API server is silent, and leads again afterwards', async () => {
    const log: string[] = [];
    const a = candidate('silent', 'a', log);
    await eventually('a leads', () => a.elector.isLeader);
    cluster.apiServer.pause();
    try {
      await eventually('a has lost', () => log.includes('a ends'));
      expect(a.elector.isLeader).to.equal(false);
    } finally {
      cluster.apiServer.resume();
    }
    await eventually('a leads again', () => a.elector.isLeader);
    expect(log).to.deep.equal(['a leads', 'a ends', 'a leads']);
  });

  it('ends its lead when somebody else has taken the lease', async () => {
    const log: string[] = [];
    const a = candidate('taken', 'a', log);
    await eventually('a leads', () => a.elector.isLeader);
    const ref = { namespace: 'default', name: 'taken' };
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    await client.patch(leases, ref, 'merge', { spec: { holderIdentity: 'thief', renewTime } });
    await eventually('a has lost', () => log.includes('a ends'));
    await eventually('a leads again, when the thief has not renewed', () => a.elector.isLeader);
    expect(log).to.deep.equal(['a leads', 'a ends', 'a leads']);
  });

  it('has no second leader beside the first where somebody deletes the lease', async () => {
    const log: string[] = [];
    // It notices late.
    const a = candidate('deleted', 'a', log, { retryPeriodMs: 1_500 });
    await eventually('a leads', () => a.elector.isLeader);
    candidate('deleted', 'b', log);
    const ref = { namespace: 'default', name: 'deleted' };
    const readings: string[] = [];
    const note = (message: unknown): void => {
      const { method, path } = (message as { request: ClientRequest }).request;
      if (path.includes('/leases/deleted') && method === 'GET') readings.push(path);
    };
    subscribe('http.client.request.created', note);
    try {
      await eventually('b has seen whose it is', () => readings.length > 1);
    } finally {
      unsubscribe('http.client.request.created', note);
    }
    await client.delete(leases, ref);
    await eventually('another term', () => log.length > 2);
    expect(log.slice(0, 2)).to.deep.equal(['a leads', 'a ends']);
    await eventually('the lease', () => client.find(leases, ref));
  });

  it('gives the lease up and fails when the work of the leader fails', async () => {
    const a = candidate('failing', 'a', [], { work: () => Promise.reject(new Error('cannot work')) });
    const error = await a.running.catch((thrown: unknown) => thrown);
    expect(error).to.be.an('error').with.property('message', 'cannot work');
    const { spec } = await client.get(leases, { namespace: 'default', name: 'failing' });
    expect(spec?.holderIdentity ?? '').to.equal('');
  });

  it('never has two leaders: a paused leader ends its lead before it does anything more', async () => {
    const first = fork(join(import.meta.dirname, 'candidate.ts'), [
      cluster.kubeconfig,
      'paused',
      JSON.stringify(times),
    ]);
    stops.push(async () => {
      first.kill('SIGKILL');
      if (first.exitCode === null && first.signalCode === null) await once(first, 'exit');
    });
    const said = messagesOf(first);
    await eventually('the first leads', () => said.includes('leads'));
    first.kill('SIGSTOP');
    const log: string[] = [];
    const second = candidate('paused', 'b', log);
    await eventually('the second leads', () => second.elector.isLeader);
    const before = said.length;
    first.kill('SIGCONT');
    await eventually('the first has lost', () => said.includes('lost'));
    // Between being resumed and having lost it, the first did none of the leader's work.
    expect(said.slice(before).filter(message => message === 'worked as leader')).to.deep.equal([]);
    expect(second.elector.isLeader).to.equal(true);
  });
});

function messagesOf(child: ChildProcess): string[] {
  const messages: string[] = [];
  child.on('message', message => void messages.push(message as string));
  return messages;
}
