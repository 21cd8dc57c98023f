import { type ErrorCode, errorTable, type MultiNicError } from '../../core/errors.ts';
import type { Finding } from '../../core/network/finding.ts';
import { describe } from '../../core/network/finding.ts';
import type { PatchOperation } from './jsonPatch.ts';

/** The outcome of a review. */
export interface Decision {
  allowed: boolean;
  /** For logs and metrics: `skipped` is allowed as the object does not concern us; `passed` is refused here, and another replica is asked. */
  result: 'allowed' | 'denied' | 'skipped' | 'passed';
  /** meta/v1 Status of a refusal. */
  status?: DeniedStatus;
  patch?: PatchOperation[];
  /** Shown to the user by kubectl. */
  warnings?: string[];
  /** Written to the API server's audit log. */
  audit?: Record<string, string>;
  /** For the log line: why. */
  reason?: string;
}

interface DeniedStatus {
  status: 'Failure';
  message: string;
  reason: string;
  code: number;
  details?: { kind?: string; name?: string; causes: { reason: string; message: string; field: string }[] };
}

/** HTTP status and Status.reason of refusals; 403 Forbidden if not listed. */
const statusOf: Partial<Record<ErrorCode, { code: number; reason: string; field?: string }>> = {
  MNN_OVERLOADED: { code: 429, reason: 'TooManyRequests' },
  MNN_BODY_TOO_LARGE: { code: 413, reason: 'RequestEntityTooLarge' },
  MNN_DEADLINE: { code: 503, reason: 'ServiceUnavailable' },
  MNN_NETWORKS_ANNOTATION_INVALID: { code: 422, reason: 'Invalid', field: 'metadata.annotations' },
  MNN_CNI_ARGS_INVALID: { code: 422, reason: 'Invalid', field: 'metadata.annotations' },
  MNN_ANNOTATIONS_TOO_LARGE: { code: 422, reason: 'Invalid', field: 'metadata.annotations' },
};

/** The HTTP status and reason that go with an error's code. */
export function refusalStatus(code: ErrorCode): { code: number; reason: string; field?: string } {
  return statusOf[code] ?? { code: 403, reason: 'Forbidden' };
}

/** The object is let through, as it is or patched. */
export function allow(more: Pick<Decision, 'patch' | 'warnings' | 'audit'> = {}): Decision {
  return { allowed: true, result: 'allowed', ...more };
}

/** Allows without having looked further. */
export function skip(reason: string): Decision {
  return { allowed: true, result: 'skipped', reason, audit: { skipped: reason } };
}

/** The object is refused, with what to do about it. */
export function deny(error: MultiNicError): Decision {
  const { code, reason, field } = refusalStatus(error.code);
  // For an Invalid, kubectl shows the causes and not the message.
  const causes = field === undefined ? undefined : [{ reason: 'FieldValueInvalid', message: error.message, field }];
  return {
    allowed: false,
    result: 'denied',
    status: { status: 'Failure', message: error.message, reason, code, ...(causes && { details: { causes } }) },
    audit: { refused: error.code },
    reason: error.message,
  };
}

/**
 * The decision that follows from findings about an object: any error refuses it, with all errors in one message and each as a
 * cause of the Status; warnings are shown either way.
 * @param of names the object: kubectl begins its output with it
 */
export function decideByFindings(of: { kind: string; name: string }, findings: readonly Finding[]): Decision {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const warnings = findings.filter(({ severity }) => severity === 'warning').map(warningText);
  if (errors.length === 0) return allow({ warnings });
  const lines = errors.map(describe);
  const what = `${of.kind} "${of.name}"`;
  const message = lines.length === 1 ? `${what}: ${lines.join()}` : `${what}:\n${lines.map(l => `- ${l}`).join('\n')}`;
  return {
    allowed: false,
    result: 'denied',
    warnings,
    status: {
      status: 'Failure',
      message,
      reason: 'Invalid',
      code: 422,
      details: {
        ...of,
        causes: errors.map(({ code, path, detail }) => ({
          reason: 'FieldValueInvalid',
          message: `${detail}. ${errorTable[code]} (${code})`,
          field: path,
        })),
      },
    },
    audit: { refused: [...new Set(errors.map(({ code }) => code))].join(',') },
    reason: message,
  };
}

function warningText({ path, detail, code }: Finding): string {
  return `${path}: ${detail} (${code})`;
}
