import { messageOf } from '../errors.ts';
import { isRecord } from '../json.ts';
import { readMac } from '../net/mac.ts';
import type { CniCommand } from './call.ts';
import { cniCodes, type CniError, cniError } from './error.ts';
import { type CniVersion, isSupportedVersion, newestVersion, supportedVersions } from './versions.ts';

/**
 * A network configuration as the executable gets it on stdin (CNI 1.1, section 1). Only what a call may decide is read from it: the
 * plugin and its addresses come from the MultiNicNetwork of that name, which a pod's author cannot write. What not every verb uses is read by
 * functions of its own: a pod whose ADD was refused for its hardware address must be able to end.
 */
export interface CniConfig {
  readonly cniVersion: CniVersion;
  /** The network's name; in chained mode the name of the primary network's list. */
  readonly name: string;
  /** Called as the last plugin of the primary network's list, so that every attachment of the pod is this one call's. */
  readonly chained: boolean;
  /** All of it, verbatim. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** What the pod asked for with its selection element. */
export interface AskedFor {
  readonly ips: readonly string[];
  readonly mac: string | undefined;
  /** PCI address that a device plugin gave the pod for this attachment, as Multus hands it over. */
  readonly deviceID: string | undefined;
  /** Everything by capability: for the plugins that are called in turn. */
  readonly runtimeConfig: Record<string, unknown>;
  /** `args.cni`: the selection element's cni-args, as Multus injects them. */
  readonly cniArgs: Record<string, unknown> | undefined;
}

export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

/**
 * Reads a configuration. It is chained where it says `"mode": "chained"`, or where it names no `plugin` (every definition of a
 * MultiNicNetwork has one): the same for DEL, whose prevResult a runtime may have lost. DEL, which has no result, is also answered to a version that
 * is not spoken here: a pod whose ADD was refused for it must be able to end.
 * @throws CniError code 6 (not JSON), 1 (version), 7 (it is no object, or has no name)
 */
export function readConfig(stdin: string, command?: CniCommand): CniConfig {
  const document = parse(stdin);
  const cniVersion = versionFor(command, document.cniVersion ?? '');
  if (typeof document.name !== 'string' || document.name === '') throw invalid('name is missing');
  const chained = document.mode === 'chained' || document.plugin === undefined;
  return { cniVersion, name: document.name, chained, document };
}

function versionFor(command: CniCommand | undefined, version: unknown): CniVersion {
  if (isSupportedVersion(version)) return version;
  if (command === 'DEL') return newestVersion;
  throw cniError(
    cniCodes.incompatibleVersion,
    'MNN_CNI_VERSION',
    `cniVersion ${JSON.stringify(version)} is not one of ${supportedVersions.join(', ')}`,
  );
}

/** What a call of Multus asks for. @throws CniError code 7 */
export function askedFor({ document }: CniConfig): AskedFor {
  const runtime = record(document.runtimeConfig, 'runtimeConfig');
  const args = record(document.args, 'args');
  return {
    ips: strings(runtime?.ips, 'runtimeConfig.ips'),
    mac: mac(runtime?.mac),
    deviceID: text(runtime?.deviceID) ?? text(document.deviceID) ?? text(document.pciBusID),
    runtimeConfig: runtime ?? {},
    cniArgs: record(args?.cni, 'args.cni'),
  };
}

/** Result of the plugins before, verbatim. @throws CniError code 7 */
export function prevResultOf({ document }: CniConfig): Record<string, unknown> | undefined {
  return record(document.prevResult, 'prevResult');
}

/** GC: the attachments that the runtime knows. @throws CniError code 7 */
export function validAttachmentsOf({ document }: CniConfig): ValidAttachment[] | undefined {
  return attachmentKeys.filter(key => key in document).map(key => attachments(document[key]))[0];
}

function parse(stdin: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(stdin);
  } catch (cause) {
    const detail = `The network configuration is not JSON: ${messageOf(cause)}`;
    throw cniError(cniCodes.decodingFailure, 'MNN_CNI_CONFIG', detail, { cause });
  }
  if (!isRecord(document)) throw invalid('it is not a JSON object');
  return document;
}

function record(value: unknown, key: string): Record<string, unknown> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) throw invalid(`${key} is not an object`);
  return value;
}

function strings(value: unknown, key: string): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value;
  throw invalid(`${key} is not a list of strings`);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function mac(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const asked = typeof value === 'string' ? readMac(value) : undefined;
  if (asked !== undefined) return asked;
  throw invalid(
    `runtimeConfig.mac ${JSON.stringify(value)} is not a hardware address of six bytes that a NIC can have`,
  );
}

/** The specification's key, and the one that libcni sets beside it for plugins from before its text was corrected. */
const attachmentKeys = ['cni.dev/valid-attachments', 'cni.dev/attachments'];

/** libcni writes a list without elements as null: no attachment is valid any more. */
function attachments(value: unknown): ValidAttachment[] {
  if (value === null) return [];
  const isAttachment = (item: unknown): item is ValidAttachment =>
    isRecord(item) && typeof item.containerID === 'string' && typeof item.ifname === 'string';
  if (Array.isArray(value) && value.every(isAttachment)) return value;
  throw invalid('cni.dev/valid-attachments is not a list of {containerID, ifname}');
}

function invalid(what: string): CniError {
  return cniError(cniCodes.invalidConfig, 'MNN_CNI_CONFIG', `The network configuration is not usable: ${what}`);
}
