import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { systemNamespace } from '../../core/api/names.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { addressesOf } from '../../core/audit/view.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import type { ClusterNode } from '../cluster/index.ts';
import { settled } from '../faults/settled.ts';
import { loadImages } from '../system/fromImages.ts';
import { followGuide, type GuideOptions } from '../system/guide.ts';
import { hasPrevious, previous } from '../upgrade/previousRelease.ts';
import { type PreviousSite, startPrevious } from '../upgrade/start.ts';
import type { Ping } from './pings.ts';
import { namespace } from './site.ts';

/** Between two creations of one user, ms. */
const pauseMs = 500;

describe(`an upgrade from release ${previous.version}, and back`, function () {
  this.timeout(600_000);
  let running: PreviousSite;

  before(async function () {
    if (!(await hasPrevious())) {
      console.log(`      skipped: this clone has no commit ${previous.commit}; git fetch --unshallow brings it`);
      this.test?.parent?.eachTest(test => {
        test.title += ' (covered by recorded data)';
      });
      return this.skip();
    }
    this.timeout(900_000);
    running = await startPrevious('upgrade');
    await loadImages(running.site.cluster);
  });

  after(async function () {
    this.timeout(60_000);
    await running?.stop();
  });

  const follow = (id: string, options?: GuideOptions): Promise<string> =>
    followGuide(running.site.cluster, id, options);

  const allPods = async (): Promise<Pod[]> => (await running.site.client.list(pods, { namespace })).items;

  /** The images that run, each once. */
  async function images(): Promise<string[]> {
    const { items } = await running.site.client.list(pods, { namespace: systemNamespace });
    const containers = items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .flatMap(({ spec }) => (spec as unknown as { containers: { image: string }[] }).containers);
    return [...new Set(containers.map(({ image }) => image.split('/').at(-1) ?? ''))].sort();
  }

  /** What pods have, by name: UID, addresses, and how often their containers were started again. */
  const having = (all: readonly Pod[]): Record<string, unknown> =>
    Object.fromEntries(
      all.map(pod => {
        const { uid, name, attachments } = auditedPod(pod);
        const { containerStatuses = [] } = pod.status as { containerStatuses?: { restartCount: number }[] };
        const restarts = containerStatuses.map(({ restartCount }) => restartCount);
        return [name, { uid, restarts, addresses: attachments.flatMap(({ nics }) => addressesOf(nics)) }];
      }),
    );

  /** Pods that are created and run on a node, one after the other, until it is over; the last ones stay. */
  async function load(name: string, node: ClusterNode, isOver: () => boolean): Promise<void> {
    const { site } = running;
    for (let i = 0; !isOver(); i++) {
      if (i >= 2) await site.client.delete(pods, { namespace, name: `${name}-${node.name}-${i - 2}` });
      await site.create(`${name}-${node.name}-${i}`, node);
      await site.running(`${name}-${node.name}-${i}`);
    }
  }

  /** Pods that are created for a look at them only. */
  async function ask(isOver: () => boolean): Promise<void> {
    for (; !isOver(); await sleep(pauseMs)) {
      const spec = { containers: [{ name: 'c', image: 'x' }] };
      await running.site.client.create(pods, { metadata: { namespace, name: 'dry' }, spec }, { dryRun: true });
    }
  }

  /** The runtime may call the executable at any moment. */
  async function call(node: ClusterNode, isOver: () => boolean): Promise<void> {
    for (; !isOver(); await sleep(pauseMs)) await node.exec(['/opt/cni/bin/multi-nic', '--version']);
  }

  /** Does it while pods come and ping; pods that there were before have what they had, and no ping is lost. */
  async function underLoad(name: string, change: () => Promise<unknown>): Promise<void> {
    const { site, pods: both } = running;
    // Those that the load of the step before has deleted may go at any moment.
    const before = having((await allPods()).filter(({ metadata }) => metadata.deletionTimestamp === undefined));
    const pings: Ping[] = await site.startPings(...both);
    let over = false;
    const isOver = (): boolean => over;
    const { nodes } = site.cluster;
    await Promise.all([
      change().finally(() => (over = true)),
      ask(isOver),
      ...nodes.flatMap(node => [load(name, node, isOver), call(node, isOver)]),
    ]);
    for (const ping of pings) {
      const { sent, lost } = await ping.stop();
      expect(lost, `of ${sent} over ${ping.path.device} of ${ping.path.pod}`).to.deep.equal([]);
    }
    const after = await allPods();
    expect(having(after)).to.deep.include(before);
    expect(after.length).to.be.greaterThan(Object.keys(before).length);
    const addresses = after.map(auditedPod).flatMap(({ attachments }) => attachments.flatMap(a => addressesOf(a.nics)));
    expect(addresses).to.have.length(4 * after.length);
    expect(new Set(addresses).size).to.equal(addresses.length);
    await settled(site.client);
  }

  it('begins where the guide says so', async () => {
    await follow('upgrade: before');
    expect(await images()).to.deep.equal(['multi-nic-agent:previous', 'multi-nic-webhook:previous']);
  });

  it('upgraded as the guide says, no pod fails, none loses what it has, and no ping is lost', async () => {
    await underLoad('new', () => follow('upgrade: upgrade'));
    const upgraded = await images();
    expect(upgraded).to.have.length(2);
    for (const image of upgraded) expect(image).not.to.contain('previous');
    await follow('upgrade: after');
  });

  it('and the way back likewise', async () => {
    await underLoad('old', () => follow('upgrade: back', { cwd: running.clone }));
    expect(await images()).to.deep.equal(['multi-nic-agent:previous', 'multi-nic-webhook:previous']);
  });
});
