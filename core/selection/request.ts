import { annotation } from '../api/names.ts';
import { MultiNicError } from '../errors.ts';
import { tryParseCidr } from '../net/cidr.ts';
import { mostLinks } from '../net/interfaceName.ts';
import { parseBandwidth } from './bandwidth.ts';

/** What a pod asks for in its selection element's `cni-args`. Names and meaning as the predecessor's users know them. */
export interface NicRequest {
  /** How many NICs; undefined: all. */
  nics?: number;
  /** Host NIC names, in the wanted order. */
  masters?: string[];
  /** DeviceClass name. */
  class?: string;
  /** Bandwidth, for example 100Gbps. */
  target?: string;
  /** Less will do: from the pod's annotation, not from its `cni-args`. */
  bestEffort?: boolean;
}

/** NICs that an element may ask for, by number or by name. */
const mostNics = 1024;

/** The keys of `cni-args` that readNicRequest reads. */
export const requestKeys: ReadonlySet<string> = new Set(['nics', 'masters', 'master', 'class', 'target']);

/**
 * Reads `cni-args`: `nics` (number, also as text), `masters` or its alias `master` (list, or one name, or names with commas
 * between), `class`, `target`. Keys that are not ours belong to other plugins and are left alone.
 * @param where for messages: which element of which annotation
 * @param annotations the pod's: `multinic.fms.io/best-effort`
 * @throws MultiNicError MNN_CNI_ARGS_INVALID
 */
export function readNicRequest(
  cniArgs: Record<string, unknown> | undefined,
  where: string,
  annotations: Readonly<Record<string, string>> = {},
): NicRequest {
  const request: NicRequest = annotations[annotation.bestEffort] === 'true' ? { bestEffort: true } : {};
  if (!cniArgs) return request;
  const asked = (key: string): unknown => cniArgs[key] ?? undefined; // null is nothing: templates leave it where a value is not set
  const nics = readCount(asked('nics'), where);
  if (nics !== undefined) request.nics = nics;
  const masters = readNames(asked('masters'), 'masters', where) ?? readNames(asked('master'), 'master', where);
  if (masters) request.masters = masters;
  for (const key of ['class', 'target'] as const) {
    const value = asked(key);
    if (value === undefined || value === '') continue;
    if (typeof value !== 'string') throw invalid(where, key, 'a string', value);
    request[key] = value;
  }
  if (request.target !== undefined && parseBandwidth(request.target) === undefined) {
    throw invalid(where, 'target', 'a bandwidth such as 100Gbps or 500Mbps', request.target);
  }
  return request;
}

/**
 * The request of an attachment of that name: of one NIC, where the name is for one link.
 * @throws MultiNicError MNN_INTERFACE_NAME where it asks for more than the name has room for
 */
export function requestNamed(ifname: string, request: NicRequest): NicRequest {
  const { nics = 0, masters = [] } = request;
  const most = mostLinks(ifname);
  const asked = Math.max(nics, masters.length);
  if (asked <= most) return most === 1 ? { ...request, nics: 1 } : request;
  throw new MultiNicError(
    'MNN_INTERFACE_NAME',
    `interface ${ifname} is too long for ${asked} NICs, whose numbers follow it`,
  );
}

function readCount(value: unknown, where: string): number | undefined {
  if (value === undefined || value === '') return undefined;
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > mostNics) {
    throw invalid(where, 'nics', `a whole number from 0 to ${mostNics}`, value);
  }
  return count === 0 ? undefined : count;
}

function readNames(value: unknown, key: string, where: string): string[] | undefined {
  if (value === undefined) return undefined;
  const names: unknown = typeof value === 'string' ? value.split(',').map(name => name.trim()) : value;
  if (!Array.isArray(names) || !names.every(name => typeof name === 'string')) {
    throw invalid(where, key, 'a list of NIC names', value);
  }
  const given = names.filter(name => name !== '');
  const subnet = given.find(name => tryParseCidr(name) !== undefined);
  if (subnet !== undefined) {
    throw invalid(where, key, 'names of NICs (kubectl get hostinterfaces shows those in each subnet)', subnet);
  }
  if (given.length > mostNics) {
    throw new MultiNicError('MNN_CNI_ARGS_INVALID', `${where}: ${key} names more than ${mostNics} NICs`);
  }
  const seen = new Set<string>();
  const twice = given.find(name => seen.size === seen.add(name).size);
  if (twice !== undefined) throw new MultiNicError('MNN_CNI_ARGS_INVALID', `${where}: ${key} names ${twice} twice`);
  return given.length > 0 ? given : undefined;
}

function invalid(where: string, key: string, expected: string, got: unknown): MultiNicError {
  return new MultiNicError('MNN_CNI_ARGS_INVALID', `${where}: ${key} must be ${expected}, not ${JSON.stringify(got)}`);
}
