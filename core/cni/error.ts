import { type ErrorCode, errorTable, isMultiNicError, messageOf } from '../errors.ts';

/**
 * What a failed call answers with (CNI 1.1, section 5 "Error"). This file runs in Node (the agent) and in QuickJS (the executable):
 * nothing but the language is used.
 */

/**
 * Codes 0–99 belong to the specification, 100 and above to the plugin. `invalidNetns` stands in libcni's constants only; the rest is
 * in the specification's table. Runtimes treat `tryAgainLater` as "nothing was changed, call again".
 */
export const cniCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  invalidNetns: 8,
  tryAgainLater: 11,
  notAvailable: 50,
  notAvailableLimitedConnectivity: 51,
  internal: 999,
  /** Ours: the pod carries no decision for this network and none can be made on the node. */
  noAttachment: 100,
  /** Ours: the NIC that was chosen is not usable on this node. */
  nicUnusable: 101,
  /** Ours: what was attached is no longer as it was made (CHECK). */
  attachmentChanged: 102,
  /** Ours: another plugin that was called on behalf of the network failed without a CNI error of its own. */
  delegateFailed: 103,
} as const;

export type CniCode = (typeof cniCodes)[keyof typeof cniCodes];

/** A failure that is answered to the runtime. `message` is the error object's `msg`: short, what went wrong. */
export class CniError extends Error {
  /** Of {@link cniCodes}, or a delegate's own. */
  readonly code: number;
  /** Long: where, and what to do about it. */
  readonly details: string;

  constructor(code: number, msg: string, details: string, options?: ErrorOptions) {
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
  MNN_OVERLAP: cniCodes.noAttachment,
  MNN_NOT_IMPORTED: cniCodes.noAttachment,
  MNN_NETWORK_NOT_READY: cniCodes.tryAgainLater,
  MNN_NODE_NOT_READY: cniCodes.tryAgainLater,
  MNN_DEADLINE: cniCodes.tryAgainLater,
  MNN_POOL_FULL: cniCodes.tryAgainLater,
  MNN_KUBELET_DEVICES: cniCodes.tryAgainLater,
  MNN_CLASS_UNKNOWN: cniCodes.noAttachment,
  MNN_ADDRESS_TAKEN: cniCodes.noAttachment,
  MNN_ADDRESS_OUTSIDE: cniCodes.noAttachment,
  MNN_IPS_MANY: cniCodes.noAttachment,
  MNN_NO_ADDRESSES: cniCodes.noAttachment,
  MNN_NODE_LACKS: cniCodes.nicUnusable,
  MNN_DEVICE_MISSING: cniCodes.nicUnusable,
  MNN_ADDRESS_INVALID: cniCodes.invalidConfig,
  MNN_CIDR_INVALID: cniCodes.invalidConfig,
  MNN_GATEWAY_UNREACHABLE: cniCodes.noAttachment,
  MNN_NETWORKS_ANNOTATION_INVALID: cniCodes.noAttachment,
  MNN_CNI_ARGS_INVALID: cniCodes.invalidConfig,
  MNN_INTERFACE_NAME: cniCodes.invalidEnvironment,
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
  const where = 'See the log of the multi-nic agent on this node.';
  return new CniError(cniCodes.internal, messageOf(error), where, { cause: error });
}

/**
 * The error object as it is printed: one line of JSON with a line end.
 * @param cniVersion as the configuration said; where it said nothing that can be read, the newest version that is spoken here
 */
export function encodeCniError(error: CniError, cniVersion: string): string {
  const { code, message: msg, details } = error;
  return `${JSON.stringify({ cniVersion, code, msg, details })}\n`;
}
