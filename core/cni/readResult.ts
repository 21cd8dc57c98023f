import { isRecord } from '../json.ts';
import type { CniResult, ResultInterface, ResultRoute } from './result.ts';

/** An address of a result; `interface` is absent in the result of an IPAM plugin, which makes none. */
export interface ReadIp {
  readonly address: string;
  readonly gateway?: string;
  readonly interface?: number;
}

/** A result that another plugin printed, in the newest version's form. */
export interface ReadResult extends Omit<CniResult, 'ips'> {
  readonly ips: readonly ReadIp[];
}

/**
 * Reads a result of any version from 0.3.0 on (CNI 1.1, section 5 "ADD Success"). What is not of the documented shape is left out: the
 * plugin has done its work, and a failure here would undo it for a label.
 */
export function readResult(document: Readonly<Record<string, unknown>>): ReadResult {
  return {
    interfaces: list(document.interfaces).map(readInterface),
    ips: list(document.ips).flatMap(item => readIp(item) ?? []),
    routes: list(document.routes).flatMap(item => readRoute(item) ?? []),
    dns: isRecord(document.dns) ? document.dns : {},
  };
}

function readInterface(item: Record<string, unknown>): ResultInterface {
  return {
    name: text(item.name) ?? '',
    mac: text(item.mac) ?? '',
    ...pick(item, ['mtu'], number),
    ...pick(item, ['pciID', 'socketPath', 'sandbox'], text),
  };
}

function readIp(item: Record<string, unknown>): ReadIp | undefined {
  const address = text(item.address);
  if (address === undefined) return undefined;
  return { address, ...pick(item, ['gateway'], text), ...pick(item, ['interface'], number) };
}

function readRoute(item: Record<string, unknown>): ResultRoute | undefined {
  const dst = text(item.dst);
  if (dst === undefined) return undefined;
  return { dst, ...pick(item, ['gw'], text), ...pick(item, ['mtu', 'advmss', 'priority', 'table', 'scope'], number) };
}

function pick<K extends string, T>(
  item: Record<string, unknown>,
  keys: readonly K[],
  read: (value: unknown) => T | undefined,
): Partial<Record<K, T>> {
  const found: Partial<Record<K, T>> = {};
  for (const key of keys) {
    const value = read(item[key]);
    if (value !== undefined) found[key] = value;
  }
  return found;
}

/** Go prints an empty string where a text is not set, and null where a list is not. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
