import { setTimeout as sleep } from 'node:timers/promises';
import { installWebhooks, removeWebhooks } from '../../test/system/webhookConfigurations.ts';
import type { AdmissionCase, AdmissionSite } from './admissionSite.ts';
import type { Load } from './load.ts';

const rounds = 3;
const nics = 8;
/** How long the API server may take to heed a changed webhook configuration, ms. */
const configurationMs = 2000;

/** Creating pods, then binding them. */
export interface Pass {
  readonly create: Load<string>;
  readonly bind: Load<unknown>;
}

/** Sends so many requests, in the way that is measured. */
export type Loop = <T>(send: (i: number) => Promise<T>) => Promise<Load<T>>;

/** One pass; its pods are gone when it returns. @throws where a pod has not the addresses that it should have */
export async function pass(site: AdmissionSite, network: AdmissionCase, loop: Loop, webhooks: boolean): Promise<Pass> {
  const create = await loop(() => site.createPod(network));
  const bind = await loop(i => site.bind(network, create.results[i] ?? '', i));
  const given = await site.addressesOf(network, create.results.at(-1) ?? '');
  if (given !== (webhooks ? nics : 0)) throw new Error(`${network.name}: the pod has ${given} addresses`);
  await site.clear(network, create.results);
  return { create, bind };
}

/** Passes with and without the webhook configurations, in turns. */
export async function turns(site: AdmissionSite, network: AdmissionCase, loop: Loop) {
  const passes = { ours: [] as Pass[], alone: [] as Pass[] };
  for (let round = -1; round < rounds; round++) {
    for (const webhooks of [true, false]) {
      if (webhooks) await installWebhooks(site.client, site.address);
      else await removeWebhooks(site.client);
      await sleep(configurationMs);
      const taken = await pass(site, network, loop, webhooks);
      if (round >= 0) passes[webhooks ? 'ours' : 'alone'].push(taken);
    }
  }
  return passes;
}
