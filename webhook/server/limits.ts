import type { GateLimits } from './gate.ts';

/** How much one replica takes on at once. */
export interface WebhookLimits extends GateLimits {
  /** Of all bodies together, in bytes. */
  bodyBytes: number;
}

/**
 * Reviews take little time of their own: they wait for the API server, which does not get faster when asked more at once. As objects they
 * take two to three times their bytes in memory, at worst eight times; 16 MiB are some 2,000 pods. Most of the memory that the Deployment
 * gives is needed for the copies of a large cluster's objects.
 */
export const defaultLimits: WebhookLimits = { concurrency: 128, queue: 2048, bodyBytes: 16 * 2 ** 20 };
