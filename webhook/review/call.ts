import { MultiNicError } from '../../core/errors.ts';
import { timeLeft } from '../../kube/api/deadline.ts';

/** How long the API server waits if the configuration does not say (admissionregistration.k8s.io/v1 timeoutSeconds). */
const defaultTimeoutMs = 10_000;

/** The longest that a configuration may ask for (admissionregistration.k8s.io/v1 timeoutSeconds): whoever says more is no API server. */
const maxTimeoutMs = 30_000;

/** Part of the API server's time-out that is kept for the answer's way back. */
const marginMs = 300;

/** Part of a review's time that is kept for its answer, ms. */
export const answerMs = 250;

/** The time that one review may take. */
export interface CallBudget {
  /** Milliseconds left; never below 1. */
  remainingMs(): number;
}

/** The budget of a review that begins now. @param timeout what the API server says in `?timeout=` */
export function callBudget(timeout: unknown): CallBudget {
  return { remainingMs: timeLeft(budgetMs(timeout)) };
}

/** What the API server gives, a Go duration such as 10s, less a margin. */
export function budgetMs(timeout: unknown): number {
  const givenMs = durationMs(typeof timeout === 'string' ? timeout : '') ?? defaultTimeoutMs;
  const totalMs = Math.min(givenMs, maxTimeoutMs);
  return Math.max(totalMs - marginMs, totalMs / 2);
}

/** The operation's result, or a refusal if it takes longer than the budget. */
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
