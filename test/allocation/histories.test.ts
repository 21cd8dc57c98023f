import fc from 'fast-check';
import { histories } from './anyHistory.ts';
import { finish, type History } from './history.ts';
import type { Model } from './model.ts';
import { useStage } from './stage.ts';

/** How many histories a run has; more find more. */
const runs = Number(process.env.ALLOCATION_HISTORIES ?? 2000);
/** There a history takes some twenty times as long. */
const realRuns = Math.ceil(runs / 80);
/** The same histories each time, so that a failure is of what was changed; `random` looks for others, a number is what a failure prints. */
const { ALLOCATION_SEED = '1' } = process.env;
const seed = ALLOCATION_SEED === 'random' ? {} : { seed: Number(ALLOCATION_SEED) };
/** One history again: what a failure prints, too. */
const path = process.env.ALLOCATION_PATH === undefined ? {} : { path: process.env.ALLOCATION_PATH };

/** In small networks, too, and from the first pod on, what lies ready is in the way of everything that may happen. */
const ready = { most: 2, leastAsked: 1, leastPages: 1, leastRoom: 1 };

const suites = [
  { kind: 'stub', where: 'on an API server that fails at will', options: { numRuns: runs } },
  // What fails there is not made smaller, which takes long: the stub has it smaller, unless the two differ.
  { kind: 'real', where: 'on a real API server, as on the stub', options: { numRuns: realRuns, endOnFailure: true } },
] as const;

for (const { kind, where, options } of suites) {
  describe(`allocation of addresses, in any history ${where}`, function () {
    this.timeout(1_200_000);
    const stage = useStage(kind);

    it('gives no address to two pods, loses none, and frees none that is in use', async () => {
      let count = 0;
      await fc.assert(
        fc.asyncProperty(histories(30), fc.nat(), fc.nat(9), async (commands, random, fill) => {
          const scene = async (real: History, model: Model): Promise<void> => {
            await fc.asyncModelRun(() => ({ model, real }), commands);
            await finish(real, model, fill === 0);
          };
          await stage.play(random, scene, ready);
          count++;
        }),
        { ...options, ...seed, ...path },
      );
      console.log(`      ${count} histories, ${stage.answered} requests`);
    });
  });
}
