import jsonpatch from 'jsonpatch';
import { errorTable } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';

/** What is wrong with an answer to a review of which nobody knows whether it is one; undefined where nothing is. */
export function fault(sent: string, status: number, body: string): string | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return `status ${status} and no JSON: ${body.slice(0, 200)}`;
  }
  if (!isRecord(answer)) return `an answer that is no object: ${body.slice(0, 200)}`;
  if (status === 400 || status === 413)
    return hasCode(answer.message) ? undefined : `a refusal without a code: ${String(answer.message)}`;
  if (status !== 200) return `status ${status}: ${body.slice(0, 300)}`;
  const { response } = answer;
  if (answer.kind !== 'AdmissionReview' || !isRecord(response)) return `no AdmissionReview: ${body.slice(0, 200)}`;
  // On its way, half of a surrogate pair becomes U+FFFD.
  const { request } = JSON.parse(sent.toWellFormed()) as { request: { uid: string; object?: unknown } };
  if (response.uid !== request.uid) return `the answer to another review: ${String(response.uid)}`;
  if (response.allowed === false) return refusalFault(response.status);
  if (response.allowed !== true) return `neither allowed nor refused: ${body.slice(0, 200)}`;
  return response.patch === undefined ? undefined : patchFault(request.object, response.patch);
}

function refusalFault(status: unknown): string | undefined {
  const message = isRecord(status) ? status.message : undefined;
  return hasCode(message) ? undefined : `refused without a code: ${String(message)}`;
}

function patchFault(object: unknown, patch: unknown): string | undefined {
  try {
    const operations = JSON.parse(Buffer.from(String(patch), 'base64').toString()) as object[];
    jsonpatch.apply_patch(object, operations);
    return undefined;
  } catch (error) {
    return `a patch that does not apply: ${String(error)}`;
  }
}

function hasCode(message: unknown): boolean {
  const code = /\bMNN_[A-Z0-9_]+/.exec(String(message))?.[0];
  return code !== undefined && code in errorTable;
}
