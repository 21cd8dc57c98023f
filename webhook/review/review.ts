import { MultiNicError } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import { flag, objectOf, type Shape, text } from '../../core/shape.ts';
import type { Decision } from './decision.ts';
import type { PatchOperation } from './jsonPatch.ts';

/** admission.k8s.io/v1 AdmissionRequest, the parts that are used here. */
export interface AdmissionRequest {
  uid: string;
  kind: GroupVersionKind;
  resource: { group: string; version: string; resource: string };
  subResource?: string;
  /** Absent while an object is being created from a generateName. */
  name?: string;
  namespace?: string;
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  userInfo: { username?: string; groups?: string[] };
  object?: unknown;
  oldObject?: unknown;
  dryRun?: boolean;
}

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

/** admission.k8s.io/v1 AdmissionReview with a response. */
export interface ReviewAnswer {
  apiVersion: string;
  kind: 'AdmissionReview';
  response: {
    uid: string;
    allowed: boolean;
    status?: object;
    patchType?: 'JSONPatch';
    patch?: string;
    warnings?: string[];
    auditAnnotations?: Record<string, string>;
  };
}

const reviewVersion = 'admission.k8s.io/v1';

/** How much of a warning Kubernetes shows (AdmissionResponse.warnings). */
const maxWarning = 256;

/**
 * Reads the request of an AdmissionReview.
 * @throws MultiNicError MNN_REVIEW_INVALID
 */
export function readReview(body: string): AdmissionRequest {
  let review: unknown;
  try {
    review = JSON.parse(body);
  } catch (cause) {
    throw new MultiNicError('MNN_REVIEW_INVALID', `the body is not JSON: ${String(cause)}`, { cause });
  }
  if (!isRecord(review) || review.kind !== 'AdmissionReview' || review.apiVersion !== reviewVersion) {
    throw new MultiNicError('MNN_REVIEW_INVALID', `the body is not an AdmissionReview of ${reviewVersion}`);
  }
  const { request } = review;
  if (!isRecord(request)) throw new MultiNicError('MNN_REVIEW_INVALID', 'the review has no request');
  checkShape(request, requestShape, 'request');
  return { userInfo: {}, ...request } as unknown as AdmissionRequest;
}

const kindShape = objectOf({ group: text, version: text, kind: text, resource: text });

const requestShape = objectOf(
  {
    uid: text,
    kind: kindShape,
    resource: kindShape,
    subResource: text,
    name: text,
    namespace: text,
    operation: text,
    userInfo: objectOf({ username: text }),
    dryRun: flag,
  },
  ['uid', 'kind', 'resource', 'operation'],
);

/**
 * Checks a value before it is cast to a type: the API server sends nothing else, but the client need not be the API server.
 * @throws MultiNicError MNN_REVIEW_INVALID
 */
export function checkShape(value: unknown, shape: Shape, path: string): void {
  const fault = shape(value, path);
  if (fault !== undefined) throw new MultiNicError('MNN_REVIEW_INVALID', fault);
}

/** The answer to a request. A patch without operations is left out, as the API server wants it. */
export function formatReview(uid: string, decision: Decision): ReviewAnswer {
  const { allowed, status, patch = [], warnings = [], audit = {} } = decision;
  return {
    apiVersion: reviewVersion,
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      ...(status && { status }),
      ...(patch.length > 0 && { patchType: 'JSONPatch', patch: encodePatch(patch) }),
      ...(warnings.length > 0 && { warnings: warnings.map(shortened) }),
      ...(Object.keys(audit).length > 0 && { auditAnnotations: audit }),
    },
  };
}

function encodePatch(patch: readonly PatchOperation[]): string {
  return Buffer.from(JSON.stringify(patch)).toString('base64');
}

function shortened(text: string): string {
  return text.length <= maxWarning ? text : `${text.slice(0, maxWarning - 1)}…`;
}
