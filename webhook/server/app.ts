import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { Logger } from 'pino';
import { isMultiNicError, messageOf, type MultiNicError } from '../../core/errors.ts';
import { isRetryable } from '../../kube/api/errors.ts';
import { type CallBudget, callBudget, within } from '../review/call.ts';
import { type Decision, deny, refusalStatus } from '../review/decision.ts';
import { type AdmissionRequest, formatReview, readReview } from '../review/review.ts';
import { type Body, readBody, uidIn } from './body.ts';
import type { BodyBudget, BodyShare } from './bodyBudget.ts';
import type { Gate } from './gate.ts';
import type { AdmissionMetrics } from './metrics.ts';

/** Decides about one request. A MultiNicError that it throws is a refusal; anything else is answered 500, and failurePolicy rules. */
export type Reviewer = (request: AdmissionRequest, budget: CallBudget) => Promise<Decision> | Decision;

export interface AppOptions {
  /** Path, for example /mutate-pods → who decides there. */
  reviewers: Readonly<Record<string, Reviewer>>;
  /** Paths after which the API server asks another replica: nobody is refused there for want of time or room. */
  askedAgain?: readonly string[];
  gate: Gate;
  bodies: BodyBudget;
  metrics: AdmissionMetrics;
  logger: Logger;
  /** Told of each review that comes. */
  arrived?: () => void;
  /** Told of refusals by a MultiNicError, except those of dry runs. */
  refused?: (error: MultiNicError) => void;
}

/** The HTTP application: one POST path per kind of review. Refusals have status 200; only requests that are not reviews get another. */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  const paths = Object.keys(options.reviewers);
  for (const path of paths) app.post(path, (request, response) => answer(request, response, path, options));
  app.use((_request, response) => {
    sendStatus(response, 404, 'NotFound', `POST one of ${paths.join(', ')}`);
  });
  app.use(failed(options.logger));
  return app;
}

async function answer(http: Request, response: Response, path: string, options: AppOptions): Promise<void> {
  const { bodies, metrics, logger, arrived } = options;
  const started = performance.now();
  arrived?.();
  const budget = callBudget(http.query.timeout);
  using share = bodies.share();
  const request = await receive({ http, response, path, share, budget }, options);
  if (!request) return;
  let decision: Decision | undefined;
  try {
    decision = await decide(path, request, budget, options);
    reply(response, request.uid, decision);
  } finally {
    const ms = performance.now() - started;
    const { operation, dryRun = false } = request;
    metrics.answered({
      kind: request.kind.kind,
      operation,
      result: decision?.result ?? 'failed',
      dryRun,
      seconds: ms / 1000,
    });
    if (decision) logger.info(logLine(path, request, decision, ms), 'reviewed');
  }
}

async function decide(
  path: string,
  request: AdmissionRequest,
  budget: CallBudget,
  options: AppOptions,
): Promise<Decision> {
  const { gate, refused } = options;
  const reviewer = options.reviewers[path];
  if (!reviewer) throw new Error(`no reviewer for ${path}`);
  try {
    return await gate.run(budget, () => within(budget, (async () => reviewer(request, budget))()));
  } catch (error) {
    if (!isMultiNicError(error)) throw error;
    if (!request.dryRun) refused?.(error);
    return refusal(path, error, options);
  }
}

/** Where another replica is asked next, a refusal that only means "busy" does not count. */
function refusal(path: string, error: MultiNicError, { askedAgain = [] }: AppOptions): Decision {
  const isBusy = error.code === 'MNN_DEADLINE' || error.code === 'MNN_OVERLOADED';
  const decision = deny(error);
  return isBusy && askedAgain.includes(path) ? { ...decision, result: 'passed' } : decision;
}

/** Answers with the decision or, if the review is passed on, with an error, so that failurePolicy Ignore has the next replica asked. */
function reply(response: Response, uid: string, decision: Decision): void {
  const { result, status } = decision;
  if (result === 'passed' && status) sendStatus(response, status.code, status.reason, status.message);
  else response.json(formatReview(uid, decision));
}

interface Arrival {
  http: Request;
  response: Response;
  path: string;
  share: BodyShare;
  budget: CallBudget;
}

/** The request of a review; undefined if there is nothing to decide about: then whoever waits for an answer has got one. */
async function receive(
  { http, response, path, share, budget }: Arrival,
  options: AppOptions,
): Promise<AdmissionRequest | undefined> {
  const { metrics, logger } = options;
  try {
    const body = await readBody(http, share, budget);
    if (body.ok) return readReview(body.text);
    metrics.unread(body.error.code);
    logger.warn({ reason: body.error.message }, 'review refused unread');
    refuseUnread(response, path, body, options);
  } catch (error) {
    if (!http.complete) {
      metrics.unread(isMultiNicError(error) ? error.code : 'broken');
      logger.warn({ reason: messageOf(error) }, 'a review did not come whole');
      return undefined;
    }
    if (!isMultiNicError(error)) throw error;
    sendStatus(response, 400, 'BadRequest', error.message);
  }
  return undefined;
}

/** As a decision, if the beginning of the body says which review it is. */
function refuseUnread(
  response: Response,
  path: string,
  { start, error }: Extract<Body, { ok: false }>,
  options: AppOptions,
): void {
  const uid = uidIn(start);
  const { code, reason } = refusalStatus(error.code);
  if (uid === undefined) sendStatus(response, code, reason, error.message);
  else reply(response, uid, refusal(path, error, options));
}

/** One line a request; never the object itself. */
function logLine(path: string, request: AdmissionRequest, decision: Decision, ms: number): object {
  const { uid, namespace, name, operation, dryRun } = request;
  const metadata = (request.object as { metadata?: { name?: string; generateName?: string } } | undefined)?.metadata;
  return {
    path,
    uid,
    operation,
    namespace,
    name: metadata?.name ?? name,
    generateName: metadata?.generateName,
    ...(dryRun && { dryRun }),
    result: decision.result,
    reason: decision.reason,
    ...decision.audit,
    ms: Math.round(ms * 100) / 100,
  };
}

/** Express passes on what a handler threw: nobody decided, so the configuration's failurePolicy has to. */
function failed(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    logger.error({ err: error, path: request.path }, 'a review failed');
    if (response.headersSent) {
      next(error);
      return;
    }
    sendStatus(response, 500, 'InternalError', whyFailed(error));
  };
}

/** For the user, who waits for the answer and mostly cannot read our log: what passes by itself is only to be tried again. */
function whyFailed(error: unknown): string {
  return isRetryable(error)
    ? `try again: the API server did not answer the webhook (${messageOf(error)})`
    : 'the review failed; the log of multi-nic-webhook says why';
}

/** A meta/v1 Status, whose message the API server shows to the user. */
function sendStatus(response: Response, code: number, reason: string, message: string): void {
  response
    .status(code)
    .json({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message });
}
