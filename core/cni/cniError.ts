import { errorTable, isMultiNicError, type ErrorCode } from '../errors.ts';
import { cniCodes, type CniCode } from './error.ts';

/** A failure that is answered to the runtime as a CNI error object. `message` is its `msg`. */
export class CniError extends Error {
  readonly code: CniCode;
  readonly details: string;

  constructor(code: CniCode, msg: string, details: string, options?: ErrorOptions) {
    super(msg, options);
    this.name = 'CniError';
    this.code = code;
    this.details = details;
  }
}

/** A CNI error with a row of the project's error table: `msg` says what was wrong and where, `details` what to do. */
export function cniError(code: CniCode, row: ErrorCode, msg: string, options?: ErrorOptions): CniError {
  return new CniError(code, msg, `${row}: ${errorTable[row]}`, options);
}

/** Which CNI code a refusal of ours is answered with; what is not listed is `internal`. */
const codeOf: Partial<Record<ErrorCode, CniCode>> = {
  MNN_NETWORK_UNKNOWN: cniCodes.invalidConfig,
  MNN_NETWORK_NOT_ALLOWED: cniCodes.noAttachment,
  MNN_NETWORK_NOT_READY: cniCodes.tryAgainLater,
  MNN_DEADLINE: cniCodes.tryAgainLater,
  MNN_POOL_FULL: cniCodes.tryAgainLater,
  MNN_ADDRESS_TAKEN: cniCodes.noAttachment,
  MNN_ADDRESS_OUTSIDE: cniCodes.noAttachment,
  MNN_NODE_LACKS: cniCodes.nicUnusable,
  MNN_NETWORKS_ANNOTATION_INVALID: cniCodes.noAttachment,
  MNN_CNI_ARGS_INVALID: cniCodes.invalidConfig,
  MNN_IPAM_SYNTAX: cniCodes.invalidConfig,
  MNN_IPAM_INVALID: cniCodes.invalidConfig,
  MNN_PLUGIN_INVALID: cniCodes.invalidConfig,
};

/** Any thrown value as a CNI error. */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  if (isMultiNicError(error)) {
    return cniError(codeOf[error.code] ?? cniCodes.internal, error.code, error.detail, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new CniError(cniCodes.internal, message, 'See the log of the multi-nic agent on this node.', { cause: error });
}
