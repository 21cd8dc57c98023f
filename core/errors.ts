/**
 * The one table of errors. Every refusal, CNI error and warning of the project carries a code from here; docs/reference/errors.md
 * is checked against it. A message says what was wrong and where; `fix` says what to do about it.
 */
const table = {
  /** Address arithmetic and layout. */
  MNN_CIDR_INVALID: 'Write an IPv4 or IPv6 network as address/prefix, for example 10.200.0.0/16 or fd00:10::/48.',
  /** The CNI executable and its agent. */
  MNN_AGENT_AWAY:
    'Look at the multi-nic agent of this node: is its pod running and ready, and is its socket folder mounted from the host?',
  MNN_CNI_BY_HAND:
    'Container runtimes call this program with CNI_COMMAND and a network configuration on stdin; see its --help.',
  MNN_CNI_STDIN: 'Give the network configuration (JSON, UTF-8, at most 8 MiB) on stdin.',
  MNN_WIRE_INVALID:
    'Install the CNI executable and the agent from the same release; the agent installs its own when it starts.',
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof table;

export const errorTable: Readonly<Record<ErrorCode, string>> = table;

const brand = Symbol.for('multi-nic.error');

/** An error that a user or a runtime is meant to read: `CODE: what was wrong and where. what to do`. */
export class MultiNicError extends Error {
  readonly [brand] = true;
  readonly code: ErrorCode;
  /** What was wrong, and where, without the code and the advice. */
  readonly detail: string;

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}. ${table[code]}`, options);
    this.name = 'MultiNicError';
    this.code = code;
    this.detail = detail;
  }

  /** The advice of the error's table row. */
  get fix(): string {
    return table[this.code];
  }
}

/** Whether a thrown value is ours, also when it came from another copy of this module. */
export function isMultiNicError(error: unknown): error is MultiNicError {
  return typeof error === 'object' && error !== null && brand in error;
}
