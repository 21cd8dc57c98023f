import { isMultiNicError, MultiNicError } from '../errors.ts';
import { foldedKey, isDeeperThan, isRecord } from '../json.ts';
import { tryParseAddress } from '../net/address.ts';
import { tryParseCidr } from '../net/cidr.ts';
import { isInterfaceName } from '../net/interfaceName.ts';
import { readMac } from '../net/mac.ts';
import { rivalDefaultRoute } from './defaultRoutes.ts';

/**
 * One element of the annotation k8s.v1.cni.cncf.io/networks (multi-net-spec v1.3 §4.1.2). Keys that are not named here are kept as
 * they are.
 */
export interface NetworkSelection {
  name: string;
  namespace?: string;
  interface?: string;
  ips?: string[];
  mac?: string;
  'default-route'?: string[];
  'cni-args'?: Record<string, unknown>;
  [key: string]: unknown;
}

/**
 * Reads the annotation in both of its syntaxes: a JSON list, or names with commas between, each `[namespace/]name[@interface]`.
 * An empty or blank value has no element. JSON is recognised as Multus does, by any of `[`, `{` or `"` in the text.
 * @throws MultiNicError MNN_NETWORKS_ANNOTATION_INVALID with the element's position and what is wrong with it
 */
export function parseNetworks(text: string): NetworkSelection[] {
  if (text.trim() === '') return [];
  return /[[{"]/.test(text) ? parseJsonForm(text) : parseCommaForm(text);
}

/** As parseNetworks, but undefined where the text cannot be read. */
export function readNetworks(text: string): NetworkSelection[] | undefined {
  try {
    return parseNetworks(text);
  } catch (error) {
    if (isMultiNicError(error)) return undefined;
    throw error;
  }
}

/** The annotation's text for these elements: always the JSON form, which can hold everything. */
export function formatNetworks(elements: readonly NetworkSelection[]): string {
  return JSON.stringify(elements);
}

/** CNI_IFNAME of each element as Multus gives it: the wanted name, or `net<position from 1>`. */
export function interfaceNames(elements: readonly NetworkSelection[]): string[] {
  return elements.map((element, i) => element.interface ?? `net${i + 1}`);
}

/** CNI_IFNAME of the elements that are for a network of ours. */
export function interfacesIn(elements: readonly NetworkSelection[], network: string): string[] {
  return interfaceNames(elements).filter((_, i) => elements[i]?.name === network);
}

/** Keys of an element that are capabilities, and their names for plugins (CNI, CONVENTIONS.md). */
const capabilities = {
  ips: 'ips',
  mac: 'mac',
  'infiniband-guid': 'infinibandGUID',
  portMappings: 'portMappings',
  bandwidth: 'bandwidth',
  deviceID: 'deviceID',
} as const;

/**
 * The capability that a plugin must have for a key of an element to have an effect; undefined for keys that need none: addresses and hardware
 * address are given in any case, and a device never.
 */
export function capabilityOf(key: string): string | undefined {
  const needed = ['infiniband-guid', 'portMappings', 'bandwidth'] as const;
  const name = needed.find(one => one === key);
  return name && capabilities[name];
}

/** What an element asks for, as the `runtimeConfig` that Multus makes of it (multi-net-spec v1.3 §4.1.2). */
export function runtimeConfigOf(element: NetworkSelection): Record<string, unknown> {
  const entries = Object.entries(capabilities).map(([key, name]) => [name, element[key]]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== null)) as Record<
    string,
    unknown
  >;
}

/**
 * The hardware address that an element for a network of ours asks for, as readMac has it. Other networks' may be longer ones, of InfiniBand.
 * @param i the element's position in the annotation, from 0
 * @throws MultiNicError MNN_NETWORKS_ANNOTATION_INVALID
 */
export function macOf({ mac = '' }: NetworkSelection, i: number): string | undefined {
  if (mac === '') return undefined;
  const asked = readMac(mac);
  if (asked !== undefined) return asked;
  throw invalid(i, `mac must be a hardware address of six bytes that a NIC can have, not ${JSON.stringify(mac)}`);
}

/**
 * Most networks that a pod may select: more interfaces than any pod has. Otherwise its author could keep a webhook busy for seconds, or use up its
 * memory, with the text of one annotation.
 */
const mostElements = 100;

/** @throws MultiNicError MNN_NETWORKS_ANNOTATION_INVALID if a pod selects more networks than it may */
export function checkCount(count: number): void {
  if (count <= mostElements) return;
  throw new MultiNicError('MNN_NETWORKS_ANNOTATION_INVALID', `the pod selects more than ${mostElements} networks`);
}

function parseCommaForm(text: string): NetworkSelection[] {
  const parts = text.split(',', mostElements + 1);
  checkCount(parts.length);
  return parts.map((part, i) => {
    const match = /^(?:([^/@\s]+)\/)?([^/@\s]+)(?:@([^/@\s]+))?$/.exec(part.trim());
    if (!match?.[2]) throw invalid(i, `"${part.trim()}" is not [namespace/]name[@interface]`);
    const [, namespace, name, ifname] = match;
    const element: NetworkSelection = { name };
    if (namespace !== undefined) element.namespace = namespace;
    if (ifname !== undefined) element.interface = ifname;
    return checkElement(element, i);
  });
}

function parseJsonForm(text: string): NetworkSelection[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MultiNicError('MNN_NETWORKS_ANNOTATION_INVALID', `the annotation is not JSON: ${String(error)}`, {
      cause: error,
    });
  }
  if (!Array.isArray(value)) {
    throw new MultiNicError('MNN_NETWORKS_ANNOTATION_INVALID', 'the annotation is JSON, but not a list');
  }
  checkCount(value.length);
  const elements = value.map(checkElement);
  const rival = rivalDefaultRoute(elements);
  if (rival) {
    const { first, second, family } = rival;
    throw invalid(
      second,
      `default-route names an IPv${family} gateway, and so does element ${first + 1}: only one element may`,
    );
  }
  return elements;
}

/** Deepest nesting of an element: JSON that is nested a few thousand levels deep can be read, but neither written nor compared. */
const mostLevels = 100;

function checkElement(given: unknown, i: number): NetworkSelection {
  if (!isRecord(given)) throw invalid(i, 'it is not an object');
  if (isDeeperThan(given, mostLevels)) throw invalid(i, `it is nested more than ${mostLevels} levels deep`);
  const value = asMultusReads(given, i);
  if (typeof value.name !== 'string' || !isDnsName(value.name)) {
    const hint = String(value.name).includes('/') ? ': in a JSON list the namespace is a key of its own' : '';
    throw invalid(i, `name must be a DNS-1123 name, not ${JSON.stringify(value.name)}${hint}`);
  }
  if (value.namespace !== undefined && (typeof value.namespace !== 'string' || !isDnsName(value.namespace))) {
    throw invalid(i, `namespace must be a DNS-1123 name, not ${JSON.stringify(value.namespace)}`);
  }
  if (value.interface !== undefined && !isInterfaceName(value.interface)) {
    throw invalid(
      i,
      `interface must be a Linux interface name (1 to 15 characters, none of "/", ":", "%" or space), not ${JSON.stringify(value.interface)}`,
    );
  }
  checkWishes(value, i);
  return value as NetworkSelection;
}

/** Texts that Multus takes for absent if they are empty; `interfaceRequest` is the name that `interface` had before Multus 3.2. */
const optionalTexts = new Set(['namespace', 'interface', 'interfaceRequest']);

/** Keys that it takes for absent if they are null. Other keys are passed on as they are. */
const optionalKeys = new Set([...optionalTexts, 'ips', 'mac', 'default-route', 'cni-args']);

/** The keys of an element by their names in small letters. */
const keys = new Map(['name', ...optionalKeys, ...Object.keys(capabilities)].map(key => [key.toLowerCase(), key]));

/** A key of an element by the name that it has here. */
function ownName(key: string): string | undefined {
  return keys.get(foldedKey(key));
}

/** Whether a key of an element that was read means something, to us or to Multus; the last one is OVN-Kubernetes'. */
export function isElementKey(key: string): boolean {
  return ownName(key) !== undefined || key === 'ipam-claim-reference';
}

/**
 * Reads an element as Go's encoding/json does: keys in any case, and null (which templates leave for unset values) as absent. Read otherwise, an
 * interface would have another name here than Multus gives it, and its addresses would be granted twice. A key in two spellings is refused: Go takes
 * the last, and which one that is JSON.parse does not tell.
 */
function asMultusReads(element: Record<string, unknown>, i: number): Record<string, unknown> {
  const named = Object.entries(element).map(([key, value]) => [ownName(key) ?? key, value] as const);
  const seen = new Set<string>();
  for (const [key] of named) {
    if (seen.has(key)) throw invalid(i, `it has ${key} twice`);
    seen.add(key);
  }
  const present = named.filter(
    ([key, value]) => !(value === null && optionalKeys.has(key)) && !(value === '' && optionalTexts.has(key)),
  );
  const { interfaceRequest, ...others } = Object.fromEntries(present);
  return interfaceRequest === undefined ? others : { interface: interfaceRequest, ...others };
}

/** What the element asks of its plugins. */
function checkWishes(value: Record<string, unknown>, i: number): void {
  if (value['cni-args'] !== undefined && !isRecord(value['cni-args'])) {
    throw invalid(i, 'cni-args must be an object');
  }
  if (value.ips !== undefined && !(isStringList(value.ips) && value.ips.every(isAddress))) {
    const what = `ips must be a list of addresses, with a prefix length or without, not ${JSON.stringify(value.ips)}`;
    throw invalid(i, what);
  }
  if (value.mac !== undefined && typeof value.mac !== 'string') {
    throw invalid(i, `mac must be a string, not ${JSON.stringify(value.mac)}`);
  }
  const route = value['default-route'];
  if (route !== undefined && !(isStringList(route) && route.every(gateway => tryParseAddress(gateway)))) {
    throw invalid(i, `default-route must be a list of gateway addresses, not ${JSON.stringify(route)}`);
  }
}

function isDnsName(value: string): boolean {
  return value.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(value);
}

function isAddress(text: string): boolean {
  return (text.includes('/') ? tryParseCidr(text) : tryParseAddress(text)) !== undefined;
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}

function invalid(index: number, detail: string): MultiNicError {
  return new MultiNicError('MNN_NETWORKS_ANNOTATION_INVALID', `element ${index + 1}: ${detail}`);
}
