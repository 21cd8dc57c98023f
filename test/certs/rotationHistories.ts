import { expect } from 'chai';
import fc from 'fast-check';
import type { RotationStep } from '../../certs/plan.ts';
import { Leader, type World } from './rotationWorld.ts';

type Event =
  | { do: 'pass'; ms: number }
  | { do: 'peek' | 'look' | 'act' | 'die'; leader: number }
  | { do: 'half'; leader: number; bundle: number }
  | { do: 'turn'; leader: number }
  | { do: 'jump'; ms: number }
  | { do: 'delete-secret' | 'spoil-leaf' | 'spoil-authority' | 'spoil-all' }
  | { do: 'empty'; bundle: number };

const leader = fc.nat(1);
const ours: fc.Arbitrary<Event> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('turn' as const), leader }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 120 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('peek' as const, 'look' as const, 'act' as const), leader }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), leader }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('half' as const), leader, bundle: fc.nat(1) }) },
);
const others: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    do: fc.constantFrom(
      'delete-secret' as const,
      'spoil-leaf' as const,
      'spoil-authority' as const,
      'spoil-all' as const,
    ),
  }),
  fc.record({ do: fc.constant('empty' as const), bundle: fc.nat(1) }),
  fc.record({ do: fc.constant('jump' as const), ms: fc.integer({ min: -2000, max: 2000 }) }),
);
/** What may happen, most of it what leaders do. */
export const histories = fc.array(fc.oneof({ weight: 5, arbitrary: ours }, { weight: 1, arbitrary: others }), {
  maxLength: 120,
  size: 'max',
});

/** Plans and acts until there is nothing to do but wait. */
export function settle(world: World, one: Leader): RotationStep {
  for (let steps = 0; steps < 20; steps++) {
    const step = world.look(one);
    if (step.do === 'wait') return step;
    world.act(one);
    expect(world.distrusted()).to.deep.equal([]);
  }
  throw new Error('A leader goes on without end');
}

/** @param leaders replaced by a new one where one dies */
export function happen(world: World, leaders: Leader[], event: Event): void {
  switch (event.do) {
    case 'pass':
      world.clock += event.ms;
      return;
    case 'peek':
      world.peek(leaders[event.leader]!);
      return;
    case 'look':
      world.look(leaders[event.leader]!);
      return;
    case 'act':
      world.act(leaders[event.leader]!);
      return;
    case 'half':
      world.act(leaders[event.leader]!, event.bundle);
      leaders[event.leader] = new Leader();
      return;
    case 'turn':
      settle(world, leaders[event.leader]!);
      return;
    case 'die':
      leaders[event.leader] = new Leader();
      return;
    case 'jump':
      world.wall += event.ms;
      return;
    case 'delete-secret':
      world.tamper(() => {
        world.secret.write(world.clock, undefined, true);
      });
      return;
    case 'spoil-leaf':
    case 'spoil-authority':
    case 'spoil-all':
      world.tamper(() => {
        const { value } = world.secret;
        const authorities = event.do === 'spoil-leaf' ? (value?.authorities ?? []) : [];
        const leaf = event.do === 'spoil-authority' ? value?.leaf : undefined;
        const spoilt = { authorities, canSign: event.do === 'spoil-leaf' && value?.canSign === true };
        world.secret.write(world.clock, { ...spoilt, ...(leaf && { leaf }) }, true);
      });
      return;
    case 'empty':
      world.tamper(() => {
        world.bundles[event.bundle]!.write(world.clock, [], true);
      });
  }
}
