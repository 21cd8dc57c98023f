import { MultiNicError } from '../../core/errors.ts';

/** How long the API server waits where the configuration does not say (admissionregistration.k8s.io/v1 timeoutSeconds). */
const defaultTimeoutMs = 10_000;

/** The most that a configuration may say (admissionregistration.k8s.io/v1 timeoutSeconds): who asks for more is no API server. */
const maxTimeoutMs = 30_000;

/** Kept back of the API server's patience, for the answer's way. */
const marginMs = 300;

/** Of a review's time, what work that waits for the API server leaves for its answer. */
export const answerMs = 250;

/** The time that one review may take. */
export interface CallBudget {
  /** Milliseconds left; never below 1. */
  remainingMs(): number;
}

/**
 * The budget that the API server gives with `?timeout=`, a Go duration such as 10s, less a margin.
 * @param now a monotonic clock in milliseconds
 */
export function callBudget(timeout: unknown, now: () => number = () => performance.now()): CallBudget {
  const givenMs = durationMs(typeof timeout === 'string' ? timeout : '') ?? defaultTimeoutMs;
  const totalMs = Math.min(givenMs, maxTimeoutMs);
  const end = now() + Math.max(totalMs - marginMs, totalMs / 2);
  return { remainingMs: () => Math.max(1, end - now()) };
}

/** A work's result, or its refusal where it takes longer than the budget. */
export async function within<T>(budget: CallBudget, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new MultiNicError('MNN_DEADLINE', 'the review took longer than the API server waits'));
  }, budget.remainingMs());
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const unitMs = { ms: 1, s: 1000, m: 60_000 };

function durationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : undefined;
}
