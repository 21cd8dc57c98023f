import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { error, type Finding } from './finding.ts';

/** `spec.ipam` once read. Keys of other IPAM plugins stay in `raw` and are handed to them as they are. */
export interface Ipam {
  /** Empty: interfaces get no addresses. */
  type: string;
  hostBlock: number;
  interfaceBlock: number;
  vlanMode: '' | 'l2' | 'l3' | 'l3s';
  excludeCIDRs: string[];
  routes: IpamRoute[];
  raw: Record<string, unknown>;
}

export interface IpamRoute {
  dst: string;
  gw?: string;
}

// IPAM types that this project implements; any other is the name of a CNI IPAM plugin on the node.

/** Addresses come from our own pools. */
export const multiNicIpam = 'multi-nic-ipam';
/** With a section of its own for each NIC: `ipam_type`, and `args` by the NIC's name on the host. */
export const multiConfigIpam = 'multi-config';
/** Gives the pod the addresses that the host has on the NIC which it gets. */
export const hostDeviceIpam = 'host-device-ipam';

/** Whether each host's block is routed to it. */
export function isRouted({ type, vlanMode }: Pick<Ipam, 'type' | 'vlanMode'>): boolean {
  return type === multiNicIpam && (vlanMode === 'l3' || vlanMode === 'l3s');
}

/**
 * Whether interfaces get addresses. A configuration without an IPAM plugin makes links alone (CNI 1.1, section 1 "Plugin configuration
 * objects": `ipam` is optional).
 */
export function givesAddresses({ type }: Pick<Ipam, 'type'>): boolean {
  return type !== '';
}

/** The IPAM plugin that is asked for each NIC's addresses; undefined where none is named. */
export function pluginOfIpam({ type, raw }: Pick<Ipam, 'type' | 'raw'>): string | undefined {
  if (type !== multiConfigIpam) return type;
  return typeof raw.ipam_type === 'string' ? raw.ipam_type : undefined;
}

const vlanModes = ['', 'l2', 'l3', 'l3s'];

/** The keys that are read here, by their names in small letters: CNI plugins, written in Go, read keys in any case. */
const ownKeys = new Map(
  ['type', 'hostBlock', 'interfaceBlock', 'vlanMode', 'excludeCIDRs', 'routes'].map(key => [key.toLowerCase(), key]),
);

/** Keys that the predecessor's plugin also had, but did not need. */
const formerKeys = new Set(['dns', 'daemonip', 'daemonport']);

/** Keys that mean nothing to `multi-nic-ipam`. */
export function strangeKeys({ raw }: Ipam): string[] {
  return Object.keys(raw).filter(key => !ownKeys.has(key.toLowerCase()) && !formerKeys.has(key.toLowerCase()));
}

/**
 * Reads the JSON text of `spec.ipam`; no text is the same as `{}`. Every finding names the line and column of the mistake.
 * @returns the IPAM where there is no error, and the findings
 */
export function parseIpam(given = ''): { ipam?: Ipam; findings: Finding[] } {
  const text = given.trim() === '' ? '{}' : given;
  const syntax: ParseError[] = [];
  const root = parseTree(text, syntax, { disallowComments: true, allowTrailingComma: false });
  const [first] = syntax;
  if (first || !root) {
    const what = first ? printParseErrorCode(first.error) : 'EmptyText';
    return { findings: [error('MNN_IPAM_SYNTAX', 'spec.ipam', `${place(text, first?.offset ?? 0)}: ${spaced(what)}`)] };
  }
  return new IpamReader(text, root).read();
}

/** Reads the typed keys and collects what is wrong, each with its place in the text. */
class IpamReader {
  readonly #text: string;
  readonly #root: Node;
  readonly #findings: Finding[] = [];
  readonly #keys = new Map<string, Node>();

  constructor(text: string, root: Node) {
    this.#text = text;
    this.#root = root;
  }

  read(): { ipam?: Ipam; findings: Finding[] } {
    if (this.#root.type !== 'object') {
      this.#report(this.#root, '', `must be a JSON object, not ${this.#root.type}`);
      return { findings: this.#findings };
    }
    this.#indexKeys();
    const ipam: Ipam = {
      type: this.#string('type') ?? '',
      hostBlock: this.#bits('hostBlock'),
      interfaceBlock: this.#bits('interfaceBlock'),
      vlanMode: this.#vlanMode(),
      excludeCIDRs: this.#strings('excludeCIDRs'),
      routes: this.#routes(),
      raw: getNodeValue(this.#root) as Record<string, unknown>,
    };
    // Other keys are meant for an IPAM plugin, and must not be ignored silently just because its type was forgotten.
    if (!givesAddresses(ipam) && [...this.#keys.keys()].some(key => key !== 'type')) {
      this.#report(this.#root, 'type', 'is missing; for interfaces without addresses leave out the other keys, too');
    }
    return this.#findings.length > 0 ? { findings: this.#findings } : { ipam, findings: [] };
  }

  #indexKeys(): void {
    for (const property of this.#root.children ?? []) {
      const [key, value] = property.children ?? [];
      if (typeof key?.value !== 'string' || !value) continue;
      const name = ownKeys.get(key.value.toLowerCase()) ?? key.value;
      if (this.#keys.has(name)) this.#report(key, name, 'is given twice');
      // As CNI plugins, which are written in Go, read it: null means absent.
      if (value.type !== 'null') this.#keys.set(name, value);
    }
  }

  #string(key: string): string | undefined {
    const node = this.#keys.get(key);
    if (!node) return undefined;
    if (node.type === 'string') return node.value as string;
    this.#report(node, key, `must be a string, not ${node.type}`);
    return undefined;
  }

  #bits(key: string): number {
    const node = this.#keys.get(key);
    if (!node) return 0;
    const value: unknown = getNodeValue(node);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 126) return value;
    this.#report(node, key, `must be a whole number of bits from 0 to 126, not ${JSON.stringify(value)}`);
    return 0;
  }

  #vlanMode(): Ipam['vlanMode'] {
    const value = this.#string('vlanMode') ?? '';
    if (vlanModes.includes(value)) return value as Ipam['vlanMode'];
    this.#report(this.#keys.get('vlanMode'), 'vlanMode', `must be l2, l3 or l3s, not "${value}"`);
    return '';
  }

  #strings(key: string): string[] {
    const node = this.#keys.get(key);
    if (!node) return [];
    const value: unknown = getNodeValue(node);
    if (Array.isArray(value) && value.every(item => typeof item === 'string')) return value;
    this.#report(node, key, 'must be a list of strings');
    return [];
  }

  #routes(): IpamRoute[] {
    const node = this.#keys.get('routes');
    if (!node) return [];
    if (node.type !== 'array') {
      this.#report(node, 'routes', `must be a list of {"dst", "gw"}, not ${node.type}`);
      return [];
    }
    return (node.children ?? []).flatMap((item, index) => {
      const route = withoutBlanks(getNodeValue(item));
      const shapeOk = item.type === 'object' && typeof route.dst === 'string' && isOptionalString(route.gw);
      if (shapeOk) return [route as unknown as IpamRoute];
      this.#report(item, `routes[${index}]`, 'must be an object with the strings dst and, optionally, gw');
      return [];
    });
  }

  #report(node: Node | undefined, key: string, detail: string): void {
    const where = place(this.#text, node?.offset ?? 0);
    this.#findings.push(error('MNN_IPAM_INVALID', 'spec.ipam', `${where}: ${key ? `"${key}" ` : ''}${detail}`));
  }
}

/** A route without what its author left empty: CNI plugins, too, take an empty gateway for none. */
function withoutBlanks(route: unknown): Record<string, unknown> {
  const given = Object.entries(route ?? {});
  return Object.fromEntries(given.filter(([key, value]) => value !== null && !(key === 'gw' && value === '')));
}

function isOptionalString(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

/** `line 3, column 14`, both from 1. */
function place(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** `PropertyNameExpected` as words: `property name expected`. */
function spaced(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}
