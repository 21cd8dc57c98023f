import type { HostNic } from '../../core/api/types.ts';
import { addressesOf } from '../../core/layout/members.ts';
import { covers, tryParseCidr } from '../../core/net/cidr.ts';

/** Whether a rule matches a NIC. */
export type NicRule = (nic: HostNic) => boolean;

/** Which NICs are offered: those that match any of `include` (if it is empty, all but those to controllers) and none of `exclude`. */
export interface NicRules {
  readonly include: readonly NicRule[];
  readonly exclude: readonly NicRule[];
}

/** Kinds that a rule may begin with, and how the rest of it is read. A rule without a kind is a name. */
const kinds: Readonly<Record<string, (text: string) => NicRule | undefined>> = {
  name: text => {
    const pattern = asPattern(text);
    return pattern && (({ interfaceName }) => pattern.test(interfaceName));
  },
  driver:
    text =>
    ({ driver }) =>
      driver === text,
  pci: text => {
    const pattern = /^[0-9a-f.:*]+$/i.test(text)
      ? asPattern(`^${fullAddress(text.toLowerCase()).replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
      : undefined;
    return pattern && (({ pciAddress = '' }) => pattern.test(pciAddress));
  },
  subnet: text => {
    const subnet = tryParseCidr(text);
    return subnet && (nic => addressesOf(nic).some(({ net }) => covers(subnet, net)));
  },
};

/**
 * Reads one rule: `name:REGEX`, `driver:NAME`, `pci:ADDRESS` (`*` stands for anything), `subnet:CIDR`, or a REGEX of names alone.
 * @throws Error that says what is wrong with it
 */
export function readNicRule(text: string): NicRule {
  // No interface name has a colon: what looks like a kind is meant to be one.
  const [, kind = 'name', rest = text] = /^(\w+):(.*)$/.exec(text) ?? [];
  const rule = rest === '' || !Object.hasOwn(kinds, kind) ? undefined : kinds[kind]?.(rest);
  if (rule) return rule;
  throw new Error(`"${text}" is not a rule: name:REGEX, driver:NAME, pci:ADDRESS (with * for anything) or subnet:CIDR`);
}

/**
 * Drivers of USB links between two machines. Many servers have such a NIC to their management controller, with the same address on every
 * host (Redfish Host Interface, DMTF DSP0270).
 */
const controllerDrivers: ReadonlySet<string> = new Set(['cdc_eem', 'cdc_ether', 'cdc_ncm', 'cdc_subset', 'rndis_host']);

/** Whether the rules let a NIC be offered. */
export function isOffered(nic: HostNic, { include, exclude }: NicRules): boolean {
  const isIncluded = include.length === 0 ? !controllerDrivers.has(nic.driver ?? '') : include.some(rule => rule(nic));
  return isIncluded && !exclude.some(rule => rule(nic));
}

/** With the domain, which lspci leaves out if it is 0. */
function fullAddress(pattern: string): string {
  return /^[0-9a-f]{2}:([0-9a-f]{2}\.|[0-9a-f]*\*)/.test(pattern) ? `0000:${pattern}` : pattern;
}

function asPattern(text: string): RegExp | undefined {
  try {
    return new RegExp(text);
  } catch {
    return undefined; // the caller names the whole rule
  }
}
