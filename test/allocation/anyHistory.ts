import fc from 'fast-check';
import { outcomes } from './apiFront.ts';
import { advance, answer, Bind, Create, type HistoryCommand, hold, kill, onNode, OnPod } from './commands.ts';
import type { Model, ModelPod } from './model.ts';
import { podKinds } from './podKinds.ts';
import { nodeNames } from './setting.ts';
import { type ActorName, replicaCount } from './site.ts';

const node = fc.constantFrom(...nodeNames);
const replica = fc.nat(replicaCount - 1);
const index = fc.nat(7);
const actors: ActorName[] = ['webhook-0', 'webhook-1', 'leader', ...nodeNames];
const mostly = fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) });
const seldom = mostly.map(value => !value);
const rarely = fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });

const creation = fc.record({
  kind: fc.constantFrom(...podKinds),
  node,
  by: fc.tuple(replica, replica, replica),
  isReinvoked: seldom,
  isSuccessor: fc.boolean(),
  refusedAfter: fc.oneof(
    { weight: 6, arbitrary: fc.constant('nothing' as const) },
    { weight: 1, arbitrary: fc.constantFrom('mutation' as const, 'validation' as const) },
  ),
  dryRun: rarely,
  copyOf: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: index }),
});

const binding = fc.record({
  node,
  by: fc.tuple(replica, replica),
  isTwice: seldom,
  isRefused: seldom,
  dryRun: rarely,
});

const end = fc.record({
  which: index,
  outcome: fc.oneof(
    { weight: 5, arbitrary: fc.constant('done' as const) },
    { weight: 4, arbitrary: fc.constantFrom(...outcomes) },
  ),
  staleBy: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(5) }),
});

const live = (model: Readonly<Model>): ModelPod[] => [...model.pods.values()].filter(({ state }) => state === 'live');

const removal = fc
  .tuple(index, fc.boolean())
  .map(
    ([i, forced]) =>
      new OnPod(forced ? 'force delete' : 'delete', live, i, ({ operations }, pod) => operations.delete(pod, forced)),
  );

const attach = (i: number, isWhole?: boolean): OnPod =>
  new OnPod(
    'attach',
    m => m.unattached(),
    i,
    ({ operations }, pod) => operations.attach(pod),
    isWhole,
  );

const renew = (i: number): OnPod =>
  new OnPod(
    'renew',
    m => m.attached().filter(({ isBusy }) => !isBusy),
    i,
    ({ operations }, pod) => operations.renew(pod),
  );

const finish = (i: number): OnPod =>
  new OnPod(
    'finish',
    m => m.attached(),
    i,
    ({ operations }, pod) => operations.finish(pod),
  );

const bind = fc.tuple(index, binding, mostly).map(([pod, what, isWhole]) => new Bind(pod, what, isWhole));
const answers = fc.array(end, { minLength: 1, maxLength: 6 }).map(answer);
const death = fc.constantFrom(...actors).map(kill);
const delay = fc.tuple(fc.constantFrom(...actors), fc.boolean()).map(([actor, held]) => hold(actor, held));
const reaping = node.map(name => onNode(name, 'reap'));

/** All that can happen, each as often as makes histories that reach far. */
const steps: [weight: number, fc.Arbitrary<HistoryCommand>][] = [
  [10, fc.tuple(creation, mostly).map(([what, isWhole]) => new Create(what, isWhole))],
  [8, bind],
  [5, fc.tuple(index, mostly).map(([i, isWhole]) => attach(i, isWhole))],
  [4, removal],
  [1, index.map(renew)],
  [1, index.map(finish)],
  [8, answers],
  [3, fc.tuple(fc.constantFrom(60, 1000, 2500, 6000), fc.boolean()).map(([ms, served]) => advance(ms, served))],
  [6, fc.constantFrom(16_000, 45_000, 95_000, 125_000).map(ms => advance(ms, true))],
  [2, death],
  [2, delay],
  [3, reaping],
  [
    3,
    fc
      .tuple(node, fc.constantFrom('cut off', 'heal', 'remove', 'add', 'add'))
      .map(([name, what]) => onNode(name, what)),
  ],
];

/** Without faults of the API server, and few kinds of steps: such histories reach the later parts of a pod's life. */
const lifeSteps: typeof steps = [
  [
    3,
    creation.map(
      what =>
        new Create(
          { ...what, dryRun: false, refusedAfter: 'nothing', kind: what.kind === 'flat' ? 'pinned' : what.kind },
          true,
        ),
    ),
  ],
  [2, fc.tuple(index, binding).map(([pod, what]) => new Bind(pod, { ...what, isRefused: false, dryRun: false }, true))],
  [3, index.map(i => attach(i))],
  [2, removal],
  [5, fc.constantFrom(16_000, 45_000, 95_000).map(ms => advance(ms, true))],
  [
    2,
    fc
      .tuple(node, fc.constantFrom('cut off', 'cut off', 'heal', 'remove', 'add'))
      .map(([name, what]) => onNode(name, what)),
  ],
  [1, death],
];

/** Many pods of the network whose addresses do not depend on the node, in little time: most find a reservation that lies ready. */
const burstSteps: typeof steps = [
  [6, fc.tuple(creation, mostly).map(([what, isWhole]) => new Create({ ...what, kind: 'flat' }, isWhole))],
  [3, bind],
  [2, index.map(i => attach(i))],
  [3, removal],
  [4, answers],
  [3, fc.tuple(fc.constantFrom(60, 600, 2500), fc.boolean()).map(([ms, served]) => advance(ms, served))],
  [1, fc.constantFrom(16_000, 95_000).map(ms => advance(ms, true))],
  [2, death],
  [1, delay],
  [2, reaping],
];

/** Histories of any order of steps. */
export function histories(maxSteps: number): fc.Arbitrary<Iterable<HistoryCommand>> {
  return fc.oneof(
    { weight: 3, arbitrary: of(steps, maxSteps) },
    { weight: 1, arbitrary: of(lifeSteps, maxSteps) },
    { weight: 1, arbitrary: of(burstSteps, maxSteps) },
  );
}

function of(weighted: typeof steps, maxSteps: number): fc.Arbitrary<Iterable<HistoryCommand>> {
  // The weights are in how often each stands in the list: fc.commands() takes each arbitrary as often as any other.
  const list = weighted.flatMap(([weight, arbitrary]) => Array.from({ length: weight }, () => arbitrary));
  return fc.commands(list, { maxCommands: maxSteps, size: 'max' });
}
