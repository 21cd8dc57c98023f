import { allow } from '../../webhook/review/decision.ts';
import { eventually } from '../eventually.ts';
import { type ReviewServer, startReviewServer } from './reviewServer.ts';

/** An admission server in this process whose reviews, at /held, are answered when the test lets them go. */
export interface HoldingServer extends ReviewServer {
  /** Until so many reviews are held. */
  holds(count: number): Promise<unknown>;
  letGo(): void;
}

/** @param options as startReviewServer */
export async function startHoldingServer(
  options: Parameters<typeof startReviewServer>[1] = {},
): Promise<HoldingServer> {
  const held: (() => void)[] = [];
  const reviewer = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.push(resolve);
    await promise;
    return allow();
  };
  const server = await startReviewServer({ '/held': reviewer }, options);
  return {
    ...server,
    holds: count => eventually(`${count} reviews to be held`, () => held.length === count),
    letGo: () => {
      for (const end of held.splice(0)) end();
    },
  };
}
