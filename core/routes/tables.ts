import { hash32 } from '../hash.ts';

/** Routing tables of our own start here ("MN"); the low 16 bits come from the network's name. */
export const firstTable = 0x4d4e0000;
const tableCount = 0x10000;

/** Whether a table's number is in our range. */
export function isOwnTable(table: number): boolean {
  return table >= firstTable && table < firstTable + tableCount;
}

/** A network that wants a table, and the subnets that its rules match. */
export interface TableUser {
  readonly name: string;
  readonly subnets: readonly string[];
}

/** A rule of ours in the kernel. */
export interface TableRule {
  readonly from?: string;
  readonly table: number;
}

/**
 * Gives every network a table of its own: the one that its rules lead to already, else the one that its name hashes to, else the next
 * that neither another network nor anybody else uses.
 * @param foreign tables in our range that somebody else uses
 */
export function assignTables(
  networks: readonly TableUser[],
  ownRules: readonly TableRule[],
  foreign: ReadonlySet<number>,
): Map<string, number> {
  const sorted = networks.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const tables = new Map<string, number>();
  const used = new Set<number>(foreign);
  for (const { name, subnets } of sorted) {
    const rule = ownRules.find(
      ({ from, table }) => from !== undefined && subnets.includes(from) && isOwnTable(table) && !used.has(table),
    );
    if (!rule) continue;
    used.add(rule.table);
    tables.set(name, rule.table);
  }
  for (const { name } of sorted) {
    if (tables.has(name)) continue;
    let offset = hash16(name);
    for (let tried = 0; used.has(firstTable + offset) && tried < tableCount; tried++)
      offset = (offset + 1) % tableCount;
    used.add(firstTable + offset);
    tables.set(name, firstTable + offset);
  }
  return tables;
}

/** Folded to 16 bits. */
function hash16(text: string): number {
  const hash = hash32(text);
  return ((hash >>> 16) ^ hash) & 0xffff;
}
