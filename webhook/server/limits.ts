import type { GateLimits } from './gate.ts';

/** What one replica takes on at once. */
export interface WebhookLimits extends GateLimits {
  /** Of bodies, in bytes. */
  bodyBytes: number;
}

/**
 * Reviews are short: what they wait for is the API server, which does not get faster from more at once. As objects they take two to
 * three times their bytes, at worst eight times; 16 MiB are some 2,000 pods. The copies of a large cluster need most of what the
 * Deployment gives.
 */
export const defaultLimits: WebhookLimits = { concurrency: 128, queue: 2048, bodyBytes: 16 * 2 ** 20 };
