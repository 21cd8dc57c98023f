import { readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { isSystemError } from '../errors.ts';
import { namespaceExists, sameNamespace } from '../namespace.ts';
import type { NetnsPath } from '../types.ts';
import { errorOf, IpError } from './answers.ts';
import type { IpNetnsIdJson } from './json.ts';
import { execute, type Place } from './program.ts';

/** Where iproute2 looks for namespaces. */
const folder = '/run/netns';

/**
 * The number of a namespace. `ip` tells numbers by the names in its folder only.
 * @throws IpError with EOPNOTSUPP where the namespace has no name there and some number is without one
 */
export async function netnsId(netns: NetnsPath, place: Place): Promise<number | null> {
  place.namespaces.open(netns);
  const { status, stdout, stderr } = await execute(['ip', '-N', '-j', 'netns', 'list-id'], place);
  if (status !== 0) throw errorOf(stderr);
  const known = stdout.trim() === '' ? [] : (JSON.parse(stdout) as IpNetnsIdJson[]);
  const names = await namesOf(netns);
  const found = known.find(({ name }) => name !== undefined && names.includes(name));
  if (found !== undefined) return found.nsid;
  if (names.length > 0 || known.every(({ name }) => name !== undefined)) return null;
  throw new IpError(constants.errno.EOPNOTSUPP, `ip tells the numbers of namespaces in ${folder} only`);
}

async function namesOf(netns: NetnsPath): Promise<string[]> {
  const names: string[] = [];
  for (const name of await namesInFolder()) {
    const path = `${folder}/${name}`;
    if ((await namespaceExists(path)) && (await sameNamespace(path, netns))) names.push(name);
  }
  return names;
}

async function namesInFolder(): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
