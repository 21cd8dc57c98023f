import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { outOfSpace } from '../kube/support.ts';
import { recordsOf } from '../webhook/support.ts';
import { limited } from './limited.ts';
import { settled } from './settled.ts';
import { type FaultSite, namespace, nodeNames, startFaultSite } from './site.ts';
import { Storm } from './storm.ts';

/** What a storm may take on a machine that does much besides. */
const stormMs = 700_000;

describe('addresses, while programs of the control plane fail', function () {
  // How long it takes is the machine’s affair.
  this.timeout(1_200_000);
  let site: FaultSite;
  let current: { storm: Storm; ended: Promise<unknown> } | undefined;

  before(async function () {
    this.timeout(900_000);
    site = await startFaultSite();
  });
  afterEach(async () => {
    const { storm, ended } = current ?? {};
    // One that failed leaves nothing to the next.
    storm?.stop();
    await ended;
    await storm?.deleteAll();
    for (const one of site.replicas.all) if (!one.running) one.start();
    await site.replicas.ready();
    await settled(site.client);
  });
  after(async () => {
    await site?.[Symbol.asyncDispose]();
  });

  it('three replicas are killed in turn during 2,000 creations and deletions', async () => {
    const { replicas } = site;
    let kills = 0;
    const storm = await weather('killed', 2000, async ended => {
      while (!ended()) {
        const victim = replicas.all[kills++ % replicas.all.length]!;
        await victim.kill();
        await sleep(500);
        victim.start();
        await replicas.ready();
        // A start costs as much as hundreds of reviews: without a rest a slow machine would do nothing else.
        await sleep(4_000);
      }
    });
    expect(kills).to.be.greaterThan(replicas.all.length);
    expect(storm.created).to.equal(2000);
  });

  it('the API server is restarted, and killed', async () => {
    const { cluster } = site;
    await weather('restarted', 400, async (_ended, created) => {
      await created(100);
      await cluster.apiServer.restart();
      await cluster.waitUntilReady();
      await created(250);
      await cluster.apiServer.kill();
      cluster.apiServer.start();
      await cluster.waitUntilReady();
    });
  });

  it('etcd is stopped for 20 s', async () => {
    const { cluster } = site;
    await weather('stopped', 400, async (_ended, created) => {
      await created(150);
      cluster.etcd.pause();
      try {
        await sleep(20_000);
      } finally {
        cluster.etcd.resume();
      }
    });
  });

  it('etcd stores nothing for 20 s, as its quota is used up', async () => {
    const { cluster } = site;
    await weather('full', 400, async (_ended, created) => {
      await created(150);
      await outOfSpace(cluster, 'ACTIVATE');
      try {
        await sleep(20_000);
      } finally {
        await outOfSpace(cluster, 'DEACTIVATE');
      }
    });
  });

  it("a replica's clock jumps by an hour, forward and back, while it leads", async () => {
    const [forward, back, other] = site.replicas.all;
    await weather('jumped', 600, async (_ended, created) => {
      for (const [jumping, rest] of [
        [forward!, [back!, other!]],
        [back!, [forward!, other!]],
      ] as const) {
        for (const one of rest) await one.stop();
        process.kill(jumping.pid, 'SIGUSR2');
        await created(storm => storm + 100);
        for (const one of rest) one.start();
        await site.replicas.ready();
        await created(storm => storm + 100);
        process.kill(jumping.pid, 'SIGUSR2');
      }
    });
  });

  /** A storm and, beside it, what goes wrong; ends with every pod having what is its own, and then with no pod and no record. */
  async function weather(
    name: string,
    count: number,
    fault: (
      ended: () => boolean,
      created: (least: number | ((now: number) => number)) => Promise<unknown>,
    ) => Promise<void>,
  ): Promise<Storm> {
    const { client } = site;
    const storm = new Storm(client, name, { namespace, nodeNames });
    let ended = false;
    const created = (least: number | ((now: number) => number)): Promise<unknown> => {
      const wanted = Math.min(count, typeof least === 'number' ? least : least(storm.created));
      return eventually(`${wanted} pods`, () => ended || storm.created >= wanted, stormMs);
    };
    const running = storm.run(count).finally(() => (ended = true));
    current = { storm, ended: running.catch(() => undefined) };
    const state = (): string => {
      const replicas = site.replicas.all.map(one => `${one.name} ${one.running ? 'runs' : 'ended'}: ${one.logTail(3)}`);
      return [`${storm.created} pods created`, ...storm.failed.slice(-3), ...replicas].join('\n');
    };
    await limited(Promise.all([running, fault(() => ended, created)]), stormMs, state);
    expect(storm.wrong.join('\n')).to.equal('');
    await storm.startAll();
    await settled(client);
    await storm.deleteAll();
    await settled(client);
    for (const network of ['blocks', 'pages']) expect(await recordsOf(client, network)).to.deep.equal([]);
    console.log(
      `      ${storm.created} pods, ${storm.failed.length} tries repeated, ${storm.unattached} bound without a webhook`,
    );
    return storm;
  }
});
