import { isRecord } from '../json.ts';
import type { CniVersion } from './versions.ts';

/** What ADD made (CNI 1.1, section 5 "ADD Success"), in the newest version's form. */
export interface CniResult {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Readonly<Record<string, unknown>>;
}

export interface ResultInterface {
  readonly name: string;
  readonly mac: string;
  /** From 1.1.0 on, as the next two. */
  readonly mtu?: number;
  /** PCI address of the device behind the interface. */
  readonly pciID?: string;
  /** Path of a vhost-user socket. */
  readonly socketPath?: string;
  /** Path of the pod's network namespace; absent for an interface of the host. */
  readonly sandbox?: string;
}

export interface ResultIp {
  /** With its prefix length. */
  readonly address: string;
  readonly gateway?: string;
  /** Index into `interfaces`. */
  readonly interface: number;
}

export interface ResultRoute {
  readonly dst: string;
  readonly gw?: string;
  /** From 1.1.0 on, as all that follow. Bytes. */
  readonly mtu?: number;
  /** Bytes of TCP's maximum segment to announce. */
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

/**
 * The result in the form of the version that the configuration named, as it is printed: one line of JSON with a line end.
 * @param before the result of the plugins before, which ours follows (CNI 1.1, section 5 "ADD Success")
 */
export function encodeResult(result: CniResult, cniVersion: CniVersion, before?: Record<string, unknown>): string {
  return `${JSON.stringify(resultDocument(result, cniVersion, before))}\n`;
}

/** As encodeResult, before it becomes a text. */
export function resultDocument(
  result: CniResult,
  cniVersion: CniVersion,
  before?: Record<string, unknown>,
): Record<string, unknown> {
  const earlier = before ? inForm(before, cniVersion) : {};
  const earlierInterfaces = listIn(earlier, 'interfaces');
  const ips = result.ips.map(ip => ({ ...ip, interface: ip.interface + earlierInterfaces.length }));
  return {
    ...earlier,
    cniVersion,
    interfaces: [...earlierInterfaces, ...result.interfaces.map(item => interfaceOf(item, cniVersion))],
    ips: [...listIn(earlier, 'ips'), ...ips.map(ip => ipOf(ip, cniVersion))],
    routes: [...listIn(earlier, 'routes'), ...result.routes.map(item => routeOf(item, cniVersion))],
    dns: isRecord(earlier.dns) && Object.keys(earlier.dns).length > 0 ? earlier.dns : result.dns,
  };
}

/** The result of the plugins before, handed on as it is, what is not known here as well. */
export function encodePrevResult(prevResult: Record<string, unknown>, cniVersion: CniVersion): string {
  return `${JSON.stringify(inForm(prevResult, cniVersion))}\n`;
}

/** Only where a result says that it is of another version than the call's are addresses, interfaces and routes brought into the form of that. */
function inForm(result: Record<string, unknown>, cniVersion: CniVersion): Record<string, unknown> {
  const isOther = result.cniVersion !== undefined && result.cniVersion !== cniVersion;
  const converted = isOther && {
    ...convert(result, 'interfaces', item => interfaceOf(item as unknown as ResultInterface, cniVersion)),
    ...convert(result, 'ips', item => ipOf(item as unknown as ResultIp, cniVersion)),
    ...convert(result, 'routes', item => routeOf(item as unknown as ResultRoute, cniVersion)),
  };
  return { ...result, ...converted, cniVersion };
}

function listIn(result: Record<string, unknown>, key: string): readonly unknown[] {
  const list = result[key];
  return Array.isArray(list) ? list : [];
}

/** What is no list, or no object in it, stays what it is. */
function convert(
  result: Record<string, unknown>,
  key: string,
  one: (item: Record<string, unknown>) => object,
): Record<string, unknown[]> {
  const list: unknown = result[key];
  if (!Array.isArray(list)) return {};
  return { [key]: list.map((item: unknown) => (isRecord(item) ? one(item) : item)) };
}

function interfaceOf(item: ResultInterface, version: CniVersion): ResultInterface {
  if (version === '1.1.0') return item;
  const { name, mac, sandbox } = item;
  return { name, mac, ...(sandbox !== undefined && { sandbox }) };
}

function routeOf(item: ResultRoute, version: CniVersion): ResultRoute {
  if (version === '1.1.0') return item;
  const { dst, gw } = item;
  return { dst, ...(gw !== undefined && { gw }) };
}

/** Until 0.4.0 every address says its family. */
function ipOf(ip: ResultIp & { version?: string }, cniVersion: CniVersion): ResultIp & { version?: string } {
  const { version: told, ...rest } = ip;
  if (!cniVersion.startsWith('0.')) return rest;
  return { version: told ?? (rest.address.includes(':') ? '6' : '4'), ...rest };
}
