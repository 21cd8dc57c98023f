import { cniType } from '../api/names.ts';
import { isSupportedVersion, supportedVersions } from './versions.ts';

/** A network configuration list (CNI 1.1, section 1 "Network configuration format"), as far as it is looked into. */
interface NetworkList {
  cniVersion?: unknown;
  cniVersions?: unknown;
  plugins: ({ type?: unknown } | null)[];
}

/** The file of the primary network with our plugin behind it. It sorts before every usual name, so runtimes take it first. */
export const chainedFile = '00-00-multi-nic.conflist';

/**
 * The file that runtimes take as the primary network, ours left aside: the first by name of those that libcni reads.
 * @param names file names of the folder of networks
 */
export function primaryFile(names: readonly string[]): string | undefined {
  return names.filter(name => name !== chainedFile && /\.(conf|conflist|json)$/.test(name)).sort()[0];
}

/**
 * A primary network with our plugin behind its own.
 * @param text its configuration: a list of plugins, or one plugin alone (`.conf`), which becomes a list of one
 * @param present what was made of it before. Plugins behind ours are others': service meshes put theirs at the end of the first file, and again whenever
 * it is not there. They stay, instead of older ones of the same type, which the primary network has where a mesh was there before us.
 * @returns undefined where the network has our plugin already
 * @throws SyntaxError where the text is no JSON, TypeError where it is no network configuration (it may be half written), or of versions in which our
 *   plugin would be called in vain
 */
export function chainedList(text: string, present = ''): string | undefined {
  const network: unknown = JSON.parse(text);
  if (typeof network !== 'object' || network === null) throw new TypeError('it is not a JSON object');
  const list = isList(network) ? network : listOf(network);
  if (list.plugins.some(isOurs)) return undefined;
  const versions = spokenVersions(list);
  const behind = behindOurs(present);
  const moved = new Set(behind.map(plugin => plugin?.type));
  const before = list.plugins.filter(plugin => !moved.has(plugin?.type));
  const plugins = [...before, { type: cniType, mode: 'chained' }, ...behind];
  return `${JSON.stringify({ ...list, ...versions, plugins }, null, 2)}\n`;
}

/**
 * The versions of the list that our plugin speaks: runtimes call all plugins in one version, the newest that the list names and they know. In another one
 * no pod of the node would start; without a copy, pods have their primary network.
 */
function spokenVersions({ cniVersion, cniVersions }: NetworkList): Pick<NetworkList, 'cniVersion' | 'cniVersions'> {
  const more: readonly unknown[] = Array.isArray(cniVersions) ? cniVersions : [];
  const newest = supportedVersions.findLast(version => version === cniVersion || more.includes(version));
  if (newest === undefined) {
    const named = [cniVersion ?? 'not set', ...more].join(', ');
    throw new TypeError(`its cniVersion is ${named}, and our plugin speaks ${supportedVersions.join(', ')}`);
  }
  return {
    cniVersion: isSupportedVersion(cniVersion) ? cniVersion : newest,
    ...(more.length > 0 && { cniVersions: more.filter(isSupportedVersion) }),
  };
}

function behindOurs(text: string): NetworkList['plugins'] {
  try {
    const network = JSON.parse(text) as unknown;
    if (typeof network !== 'object' || network === null || !isList(network)) return [];
    const ours = network.plugins.findIndex(isOurs);
    return ours < 0 ? [] : network.plugins.slice(ours + 1).filter(plugin => !isOurs(plugin));
  } catch {
    return []; // half written by somebody else, who will see to it again
  }
}

function isOurs(plugin: NetworkList['plugins'][number]): boolean {
  return plugin?.type === cniType;
}

function isList(network: object): network is NetworkList {
  return 'plugins' in network && Array.isArray(network.plugins);
}

function listOf(plugin: object): NetworkList {
  const { cniVersion, name, ...rest } = plugin as { cniVersion?: unknown; name?: unknown; type?: unknown };
  if (typeof rest.type !== 'string') throw new TypeError('it has neither plugins nor a type');
  return { ...(cniVersion !== undefined && { cniVersion }), ...(name !== undefined && { name }), plugins: [rest] };
}
