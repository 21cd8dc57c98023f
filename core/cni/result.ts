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
  /** From 1.1.0 on. */
  readonly mtu?: number;
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
}

/** The result in the form of the version that the configuration named, as it is printed: one line of JSON with a line end. */
export function encodeResult(result: CniResult, cniVersion: CniVersion): string {
  const document = {
    cniVersion,
    interfaces: result.interfaces.map(item => interfaceOf(item, cniVersion)),
    ips: result.ips.map(ip => ipOf(ip, cniVersion)),
    routes: result.routes,
    dns: result.dns,
  };
  return `${JSON.stringify(document)}\n`;
}

/** The result of the plugins before, handed on unchanged but for the version, which is the call's. */
export function encodePrevResult(prevResult: Record<string, unknown>, cniVersion: CniVersion): string {
  return `${JSON.stringify({ ...prevResult, cniVersion })}\n`;
}

function interfaceOf({ mtu, ...rest }: ResultInterface, version: CniVersion): ResultInterface {
  return version === '1.1.0' && mtu !== undefined ? { ...rest, mtu } : rest;
}

/** Until 0.4.0 every address says its family. */
function ipOf(ip: ResultIp, version: CniVersion): ResultIp & { version?: '4' | '6' } {
  if (!version.startsWith('0.')) return ip;
  return { version: ip.address.includes(':') ? '6' : '4', ...ip };
}

/** One interface of an earlier result, as far as it can be read. */
export interface PreviousInterface {
  readonly name: string;
  readonly mac: string;
  readonly sandbox: string;
  readonly ips: readonly string[];
}

/** The interfaces of a result of any version with their addresses; what has another shape is left out. */
export function interfacesOf(result: Readonly<Record<string, unknown>>): PreviousInterface[] {
  const interfaces = list(result.interfaces);
  const ips = list(result.ips);
  return interfaces.map((item, index) => ({
    name: text(item.name),
    mac: text(item.mac),
    sandbox: text(item.sandbox),
    ips: ips.filter(ip => ip.interface === index).map(ip => text(ip.address)),
  }));
}

function list(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
