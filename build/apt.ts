import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DerivedSources, deriveSources, type SourceFile } from './aptSources.ts';
import { run } from './run.ts';

/** Which packages: `suite` is the machine's own where none is named. */
export type WantedSources = Pick<DerivedSources, 'types'> & Partial<Pick<DerivedSources, 'suite'>>;

/**
 * Sets up a private apt in `directory` (made when missing) and fetches the package lists.
 * @throws Error that says what is missing: apt itself, a fitting source of the machine, or the archive
 */
export async function privateApt(directory: string, wanted: WantedSources): Promise<PrivateApt> {
  const codename = await ownCodename();
  const suite = wanted.suite ?? codename;
  const sources = deriveSources(await machineSources(), { types: wanted.types, suite, codename });
  if (sources === '') {
    throw new Error(
      `None of this machine's apt sources is for its own suite (${codename}), so none can be derived for Debian ${suite}`,
    );
  }
  const parts = join(directory, 'sources');
  await mkdir(parts, { recursive: true });
  for (const folder of ['lists/partial', 'cache/archives/partial']) {
    await mkdir(join(directory, folder), { recursive: true });
  }
  await writeFile(join(parts, 'derived.sources'), sources);
  const options = [
    ['Dir::Etc::SourceList', '/dev/null'],
    ['Dir::Etc::SourceParts', parts],
    ['Dir::State::Lists', join(directory, 'lists')],
    ['Dir::Cache', join(directory, 'cache')],
    ['Acquire::Languages', 'none'],
    ['Acquire::Retries', '3'],
    ['APT::Sandbox::User', 'root'], // its _apt user could not write below a home directory
  ].map(([name, value]) => `-o${name}=${value}`);
  await run(['apt-get', ...options, '-q', 'update']);
  return new PrivateApt(options);
}

/** Apt with package lists and a cache of its own: it sees the derived sources only, and installs nothing. */
class PrivateApt {
  readonly #options: readonly string[];

  constructor(options: readonly string[]) {
    this.#options = options;
  }

  /**
   * Fetches a source package's files into `directory`, checked against the signed index, and leaves them packed.
   * @returns the path of its .dsc file
   */
  async downloadSource(name: string, directory: string): Promise<string> {
    await mkdir(directory, { recursive: true });
    await run(['apt-get', ...this.#options, '-q', 'source', '--download-only', name], { cwd: directory });
    const dsc = (await readdir(directory)).find(file => file.endsWith('.dsc'));
    if (dsc === undefined) throw new Error(`apt-get source ${name} left no .dsc file in ${directory}`);
    return join(directory, dsc);
  }

  /**
   * Fetches a source package's files likewise, and unpacks them with Debian's patches into `directory`/source.
   * @returns the source tree
   */
  async source(name: string, directory: string): Promise<string> {
    const dsc = await this.downloadSource(name, directory);
    const tree = join(directory, 'source');
    await run(['dpkg-source', '--no-check', '--extract', dsc, tree], { cwd: directory });
    return tree;
  }

  /** Fetches binary packages and unpacks all of them into `directory`; their dependencies are not followed. */
  async unpack(packages: readonly string[], directory: string): Promise<void> {
    const debs = join(directory, '.debs');
    await mkdir(debs, { recursive: true });
    await run(['apt-get', ...this.#options, '-q', 'download', ...packages], { cwd: debs });
    for (const file of await readdir(debs)) await run(['dpkg', '--extract', join(debs, file), directory]);
    await rm(debs, { recursive: true });
  }

  /** The version that would be fetched of a source package. */
  async sourceVersion(name: string): Promise<string> {
    const { stdout } = await run(['apt-cache', ...this.#options, 'showsrc', '--only-source', name]);
    return versionField(stdout, name);
  }

  /** The version that would be fetched of a binary package. */
  async version(name: string): Promise<string> {
    const { stdout } = await run(['apt-cache', ...this.#options, 'show', name]);
    return versionField(stdout, name);
  }
}

/** The first (newest) Version of apt-cache's answer. */
function versionField(shown: string, name: string): string {
  const version = /^Version: (\S+)$/m.exec(shown)?.[1];
  if (version === undefined) throw new Error(`apt knows no package ${name}`);
  return version;
}

/** The suite of this machine. @throws Error on a machine that has none, which is not a Debian */
export async function ownCodename(): Promise<string> {
  const text = existsSync('/etc/os-release') ? await readFile('/etc/os-release', 'utf8') : '';
  const codename = /^VERSION_CODENAME="?([^"\n]+)"?$/m.exec(text)?.[1];
  if (codename === undefined)
    throw new Error('/etc/os-release names no VERSION_CODENAME: test binaries are built from Debian packages only');
  return codename;
}

async function machineSources(): Promise<SourceFile[]> {
  const folder = '/etc/apt/sources.list.d';
  const names = existsSync(folder) ? await readdir(folder) : [];
  const paths = names.filter(name => /\.(list|sources)$/.test(name)).map(name => join(folder, name));
  const all = ['/etc/apt/sources.list', ...paths].filter(path => existsSync(path));
  return Promise.all(all.map(async name => ({ name, text: await readFile(name, 'utf8') })));
}
