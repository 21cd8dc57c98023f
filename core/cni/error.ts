/** The error object that a CNI plugin prints (CNI 1.1, section 5 "Error"), and its codes. */

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

/** What is printed instead of a result, with an exit code other than 0. */
export interface CniErrorObject {
  /** As the configuration said; where it said nothing that can be read, the newest version that is spoken here. */
  readonly cniVersion: string;
  readonly code: number;
  /** Short: what went wrong. */
  readonly msg: string;
  /** Long: where, and what to do about it. */
  readonly details: string;
}

/** The error object as it is printed: one line of JSON with a line end. */
export function encodeCniError(error: CniErrorObject): string {
  const { cniVersion, code, msg, details } = error;
  return `${JSON.stringify({ cniVersion, code, msg, details })}\n`;
}
