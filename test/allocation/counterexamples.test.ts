import { expect } from 'chai';
import type { IPPool } from '../../core/api/types.ts';
import { ipPools, pods } from '../../kube/api/resources.ts';
import type { BindingTo, Creation } from './admissions.ts';
import { expectSound, finish, type History } from './history.ts';
import { liveRecords } from './invariants.ts';
import type { Model, ModelPod } from './model.ts';
import { namespace, pageCapacity } from './setting.ts';
import { useStage } from './stage.ts';

const plain: Omit<Creation, 'kind'> = {
  ...{ node: 'n1', by: [0, 0, 0], isReinvoked: false, refusedAfter: 'nothing', dryRun: false, copied: undefined },
  isSuccessor: false,
};
const bindingBy = (i: number): BindingTo => ({
  ...{ node: 'n1', by: [i, i], isTwice: false, isRefused: false, dryRun: false },
});

/** Histories that went wrong once, each as short as it could be made, and one that chance hardly finds. */
describe('allocation of addresses, in histories that went wrong once', function () {
  this.timeout(60_000);
  const stage = useStage('stub');

  async function done(history: History, model: Model, what: () => Promise<unknown>): Promise<void> {
    history.site.begin('step', async () => void (await what()));
    await history.site.settle();
    await expectSound(history, model);
  }

  function only(model: Model): ModelPod {
    const [pod] = model.pods.values();
    if (!pod) throw new Error('the pod was not admitted');
    return pod;
  }

  /** Who waits for the API server. */
  function parkedBy({ site }: History): string[] {
    return site.parked.map(({ actor }) => actor.split('.')[0] ?? '');
  }

  async function records({ site }: History): Promise<string[]> {
    const pools: IPPool[] = await site.user.list(ipPools);
    return liveRecords(pools).map(({ pool, state, name }) => `${pool} ${state} ${name}`);
  }

  // Random numbers say which page a replica begins with: in some of these the two differ.
  const randoms = Array.from({ length: 8 }, (_, i) => i);

  it('a pod keeps its page when another replica is asked again', async () => {
    for (const random of randoms) {
      await stage.play(random, async (history, model) => {
        const twice: Creation = { ...plain, kind: 'flat', by: [0, 1, 0], isReinvoked: true };
        await done(history, model, () => history.operations.create(twice));
        expect(await records(history)).to.have.length(1);
      });
    }
  });

  it('a pod that two replicas bound in pages holds only what it was given', async () => {
    for (const random of randoms) {
      await stage.play(random, async (history, model) => {
        const { operations } = history;
        await done(history, model, () => operations.create({ ...plain, kind: 'named' }));
        await done(history, model, () => operations.bind(only(model), { ...bindingBy(0), isRefused: true }));
        await done(history, model, () => operations.bind(only(model), bindingBy(1)));
        await done(history, model, () => operations.attach(only(model)));
        await finish(history, model, false);
      });
    }
  });

  it('a pod that two replicas bound in pages holds only what it was given, also beside what it was given when it was created', async () => {
    for (const random of randoms) {
      await stage.play(random, async (history, model) => {
        const { operations } = history;
        await done(history, model, () => operations.create({ ...plain, kind: 'twice' }));
        await done(history, model, () => operations.bind(only(model), { ...bindingBy(0), isRefused: true }));
        await done(history, model, () => operations.bind(only(model), bindingBy(1)));
        await done(history, model, () => operations.attach(only(model)));
        await finish(history, model, false);
      });
    }
  });

  it('a copy of a pod that is refused leaves the pod nothing', async () => {
    await stage.play(1, async (history, model) => {
      const { operations, site } = history;
      await done(history, model, () => operations.create({ ...plain, kind: 'flat' }));
      const copy: Creation = { ...plain, kind: 'flat', copied: only(model), refusedAfter: 'mutation' };
      await done(history, model, () => operations.create(copy));
      expect(await records(history)).to.have.length(2);
      await site.advance(90_000, true);
      expect(await records(history)).to.have.length(1);
    });
  });

  it('a pod that is bound does not take what was reserved for a copy of it', async () => {
    await stage.play(1, async (history, model) => {
      const { operations } = history;
      await done(history, model, () => operations.create({ ...plain, kind: 'both' }));
      const pod = only(model);
      const copy: Creation = { ...plain, kind: 'pinned', copied: pod };
      await done(history, model, () => operations.create({ ...copy, refusedAfter: 'mutation' }));
      await done(history, model, () => operations.bind(pod, bindingBy(0)));
      await done(history, model, () => operations.create(copy));
      await finish(history, model, false);
    });
  });

  it('a pod whose validation nobody answered has what was reserved for it', async () => {
    await stage.play(1, async (history, model) => {
      const { operations } = history;
      await done(history, model, () => operations.create({ ...plain, kind: 'flat', isUnvalidated: true }));
      const [reserved = ''] = await records(history);
      await done(history, model, () => operations.bind(only(model), bindingBy(0)));
      await done(history, model, () => operations.attach(only(model)));
      expect(await records(history)).to.deep.equal([reserved.replace('Reserved', 'Allocated')]);
      await finish(history, model, false);
    });
  });

  it('a pod deleted by force keeps its page while its node is cut off, also before that is noticed', async () => {
    await stage.play(1, async (history, model) => {
      const { operations, site } = history;
      await done(history, model, () => operations.create({ ...plain, kind: 'pinned' }));
      await done(history, model, () => operations.attach(only(model)));
      await site.advance(16_000, true);
      operations.cutOff('n1');
      await done(history, model, () => operations.delete(only(model), true));
      await site.advance(300_000, true);
      await expectSound(history, model);
      await finish(history, model, true);
    });
  });

  it('a pod that is attached while its addresses are being released does not use them', async () => {
    await stage.play(1, async (history, model) => {
      const { operations, site } = history;
      await done(history, model, () => operations.create({ ...plain, kind: 'train' }));
      await done(history, model, () => operations.bind(only(model), bindingBy(0)));
      await operations.delete(only(model), false);
      await site.quiet();
      expect(parkedBy(history)).to.deep.equal(['n1']);
      await operations.attach(only(model));
      await done(history, model, () => Promise.resolve());
      await finish(history, model, false);
    });
  });

  it('a pod that is deleted while it is attached keeps its addresses until its sandbox is gone', async () => {
    await stage.play(1, async (history, model) => {
      const { operations, site } = history;
      await done(history, model, () => operations.create({ ...plain, kind: 'pinned' }));
      const pod = only(model);
      site.begin('attach', () => operations.attach(pod));
      await site.quiet();
      // Its page is being read; what it has of the node's own pool is known.
      expect(parkedBy(history)).to.deep.equal(['n1']);
      await operations.delete(pod, false);
      await site.quiet();
      // Whatever is written now, the agent does not hear of it in time.
      const client = site.clientOf('n1');
      if (client) client.isHeld = true;
      await done(history, model, () => Promise.resolve());
      expect(model.sandboxes.size).to.equal(1);
      await finish(history, model, false);
    });
  });

  it('a copy of a pod that runs has none of its interfaces, says the audit', async () => {
    await stage.play(1, async (history, model) => {
      const { operations } = history;
      await done(history, model, () => operations.create({ ...plain, kind: 'pinned' }));
      await done(history, model, () => operations.attach(only(model)));
      await done(history, model, () => operations.create({ ...plain, kind: 'pinned', copied: only(model) }));
      await finish(history, model, false);
    });
  });

  describe('a pool that has lost its records', () => {
    /** As after somebody's edit, or with an older content from a backup. */
    async function lose({ site }: History, pool: string): Promise<void> {
      await site.user.setStatus(ipPools, { name: pool }, { allocations: [], cursors: [], used: 0, capacity: 3 });
    }

    async function attached(history: History, model: Model): Promise<ModelPod> {
      const { operations } = history;
      const before = new Set(model.pods.keys());
      await done(history, model, () => operations.create({ ...plain, kind: 'pinned' }));
      const pod = [...model.pods.values()].find(({ uid }) => !before.has(uid));
      if (!pod) throw new Error('the pod was not admitted');
      await done(history, model, () => operations.attach(pod));
      return pod;
    }

    it('has those of attached pods again, before others get their addresses', async () => {
      await stage.play(1, async (history, model) => {
        const { site } = history;
        await attached(history, model);
        const before = (await records(history)).sort();
        expect(before.map(text => text.split(' ')[0]).map(name => name?.split('.')[0])).to.deep.equal([
          'flat',
          'train',
        ]);
        for (const text of before) await lose(history, text.split(' ')[0] ?? '');
        // Only of a node's own pools the agent hears at once; after its start it looks at all.
        await site.restart('n1');
        await site.advance(15_000, true);
        expect((await records(history)).sort()).to.deep.equal(before);
        await attached(history, model);
        await finish(history, model, false);
      });
    });

    it('has those of attached pods again that the API server has forgotten, too, until they have ended', async () => {
      await stage.play(1, async (history, model) => {
        const { site, operations } = history;
        const pod = await attached(history, model);
        await site.advance(15_000, true);
        const before = (await records(history)).sort();
        // As in an etcd from before the pod was made: its node does not hear that it is deleted, only that it is not there.
        model.forget(pod);
        await site.user.delete(pods, { namespace, name: pod.name }, { gracePeriodSeconds: 0 });
        for (const text of before) await lose(history, text.split(' ')[0] ?? '');
        await site.advance(75_000, true);
        expect((await records(history)).sort()).to.deep.equal(before);
        await operations.reap('n1');
        await finish(history, model, true);
      });
    });
  });

  it('an address that was just released is not given out while another one has rested', async () => {
    await stage.play(1, async (history, model) => {
      const { operations, site } = history;
      const create = (): Promise<void> => done(history, model, () => operations.create({ ...plain, kind: 'flat' }));
      for (let i = 0; i < pageCapacity; i++) await create();
      const [first, second] = model.pods.values();
      if (!first || !second) throw new Error('the pods were not admitted');
      const release = async (pod: ModelPod, left: number): Promise<void> => {
        await done(history, model, () => operations.delete(pod, false));
        for (let s = 0; s < 300 && (await records(history)).length > left; s++) await site.advance(1000, true);
        expect(await records(history)).to.have.length(left);
      };
      await release(second, pageCapacity - 1);
      await site.advance(90_000, true);
      await release(first, pageCapacity - 2);
      await create();
    });
  });

  it('a pod of whose page somebody restored an older content, in which a pod that is gone has its address, keeps it', async () => {
    await stage.play(1, async (history, model) => {
      const { operations, site } = history;
      const run = async (): Promise<ModelPod> => {
        await done(history, model, () => operations.create({ ...plain, kind: 'flat' }));
        const [pod] = [...model.pods.values()].slice(-1);
        await done(history, model, () => operations.bind(pod!, bindingBy(0)));
        await done(history, model, () => operations.attach(pod!));
        return pod!;
      };
      const first = await run();
      const [older] = (await site.user.list(ipPools)).filter(({ spec }) => spec.network === 'flat');
      await done(history, model, () => operations.delete(first, false));
      await done(history, model, () => operations.reap('n1'));
      await site.advance(130_000, true);
      for (let i = 0; i < 2 * pageCapacity; i++) await run();
      await site.user.setStatus(ipPools, older!.metadata, older!.status!);
      await site.restart('n1');
      await site.advance(15 * 60_000, true);
      await expectSound(history, model);
      await finish(history, model, false);
    });
  });
});
