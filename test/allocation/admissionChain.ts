import jsonpatch from 'jsonpatch';
import { isMultiNicError } from '../../core/errors.ts';
import { ApiError, TransportError } from '../../kube/api/errors.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { Decision } from '../../webhook/review/decision.ts';
import type { AdmissionRequest } from '../../webhook/review/review.ts';
import { namespace } from './setting.ts';
import { Unreachable, type WebhookReplica } from './webhookReplica.ts';

/** The request is refused, and why. */
export class Refused extends Error {}

/** What the API server sends to admission webhooks, and makes of their answers (manifests/base/webhook has the failure policies). */
export class AdmissionChain {
  #reviews = 0;

  /** POST /mutate-pods; failurePolicy Fail. @throws Refused */
  async mutatePod(replica: WebhookReplica, pod: Pod, dryRun: boolean): Promise<Pod> {
    return patched(pod, await this.#ask(replica, 'mutate-pods', pod, { dryRun }));
  }

  /** POST /validate-pods; failurePolicy Ignore. @throws Refused */
  async validatePod(replica: WebhookReplica, pod: Pod, dryRun: boolean): Promise<void> {
    try {
      await this.#ask(replica, 'validate-pods', pod, { dryRun });
    } catch (error) {
      if (!(error instanceof Refused && isUnavailable(error.cause))) throw error;
    }
  }

  /** POST /mutate-bindings; failurePolicy Ignore. @returns the Binding's annotations @throws Refused */
  async mutateBinding(
    replica: WebhookReplica,
    { name, uid, node }: { name: string; uid: string; node: string },
    dryRun: boolean,
  ): Promise<Record<string, string>> {
    const binding = { metadata: { name, namespace, uid }, target: { kind: 'Node', name: node } };
    try {
      const decision = await this.#ask(replica, 'mutate-bindings', binding, { dryRun, name, subResource: 'binding' });
      return (patched(binding, decision).metadata as { annotations?: Record<string, string> }).annotations ?? {};
    } catch (error) {
      if (error instanceof Refused && isUnavailable(error.cause)) return {};
      throw error;
    }
  }

  async #ask(
    replica: WebhookReplica,
    path: Parameters<WebhookReplica['review']>[0],
    object: object,
    more: Partial<AdmissionRequest>,
  ): Promise<Decision> {
    const request: AdmissionRequest = {
      uid: `review-${++this.#reviews}`,
      kind: { group: '', version: 'v1', kind: path === 'mutate-bindings' ? 'Binding' : 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace,
      operation: 'CREATE',
      userInfo: { username: 'someone' },
      object: structuredClone(object),
      ...more,
    };
    let decision: Decision;
    try {
      decision = await replica.review(path, request);
    } catch (cause) {
      if (isMultiNicError(cause) || isUnavailable(cause)) throw new Refused(String(cause), { cause });
      throw cause;
    }
    if (!decision.allowed) throw new Refused(decision.status?.message ?? 'refused');
    return decision;
  }
}

/** Whether the webhook gave no answer, or 500 (see webhook/server/app.ts): then failurePolicy decides. */
function isUnavailable(error: unknown): boolean {
  return error instanceof Unreachable || error instanceof ApiError || error instanceof TransportError;
}

/** Whether the webhook gave up because of an answer of the API server, or for want of one. */
export function isBroken(error: unknown): boolean {
  return error instanceof ApiError || (error instanceof TransportError && error.code !== 'closed');
}

function patched<T extends object>(object: T, { patch = [] }: Decision): T {
  return jsonpatch.apply_patch(object, patch);
}
