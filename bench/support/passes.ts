import { setTimeout as sleep } from 'node:timers/promises';
import { installWebhooks, removeWebhooks } from '../../test/system/webhookConfigurations.ts';
import type { AdmissionCase, AdmissionSite, Outcome } from './admissionSite.ts';
import { apiRequests } from './apiRequests.ts';
import type { Load } from './load.ts';
import { noopLabel } from './noopReviewers.ts';

const rounds = 3;
/** How long the API server may take to heed a changed webhook configuration, ms. */
const configurationMs = 2000;

/** Creating pods, then binding them. */
export interface Pass {
  readonly create: Load<string>;
  readonly bind: Load<unknown>;
  /** What the API server was asked besides, by anybody, a pod. */
  readonly requestsBesides: number;
}

/** Creating and binding a pod. */
const ownRequests = 2;

/** Whom the API server asks: our webhooks, webhooks that decide nothing, or nobody. */
export type Asked = 'ours' | 'noop' | 'alone';

/** Of 8 NICs. */
const outcomes: Readonly<Record<Asked, Outcome>> = {
  ours: { injected: 'true', addresses: 8 },
  noop: { injected: noopLabel, addresses: 0 },
  alone: { injected: undefined, addresses: 0 },
};

/** Sends so many requests, in the way that is measured. */
export type Loop = <T>(send: (i: number) => Promise<T>) => Promise<Load<T>>;

/** One pass; its pods are gone when it returns. @throws where the last pod was not admitted by whom it should have been */
export async function pass(site: AdmissionSite, network: AdmissionCase, loop: Loop, asked: Asked): Promise<Pass> {
  const before = await apiRequests(site.client);
  const create = await loop(() => site.createPod(network));
  const bind = await loop(i => site.bind(network, create.results[i] ?? '', i));
  const requests = (await apiRequests(site.client)) - before;
  const { injected, addresses } = await site.outcomeOf(network, create.results.at(-1) ?? '');
  if (injected !== outcomes[asked].injected || addresses !== outcomes[asked].addresses) {
    throw new Error(`${network.name}, ${asked}: the pod is labelled ${injected} and has ${addresses} addresses`);
  }
  await site.clear(network, create.results);
  return { create, bind, requestsBesides: requests / create.results.length - ownRequests };
}

/** Passes with our webhooks, with such that decide nothing, and with none, in turns. The first round is not counted. */
export async function turns(
  site: AdmissionSite,
  network: AdmissionCase,
  loop: Loop,
): Promise<Readonly<Record<Asked, readonly Pass[]>>> {
  const passes: Record<Asked, Pass[]> = { ours: [], noop: [], alone: [] };
  for (let round = -1; round < rounds; round++) {
    for (const asked of ['ours', 'noop', 'alone'] as const) {
      if (asked === 'alone') await removeWebhooks(site.client);
      else await installWebhooks(site.client, site[asked].address);
      await sleep(configurationMs);
      const taken = await pass(site, network, loop, asked);
      if (round >= 0) passes[asked].push(taken);
    }
  }
  return passes;
}
