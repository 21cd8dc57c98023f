import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bookwormSources, machineSources } from './aptSources.ts';
import { run } from './run.ts';

/**
 * Debian's bookworm packages, downloaded and unpacked into a folder: nothing is installed, and apt's state is in that folder
 * too, so the machine's own lists and sources stay as they are.
 */
export class Apt {
  readonly #folder: string;
  readonly #options: string[];

  /** @param folder for apt's state and what it downloads. */
  constructor(folder: string) {
    this.#folder = folder;
    const sources = join(folder, 'bookworm.sources');
    for (const path of ['lists/partial', 'cache/archives/partial', 'downloads']) {
      mkdirSync(join(folder, path), { recursive: true });
    }
    writeFileSync(sources, bookwormSources(machineSources()));
    const settings = {
      'Dir::Etc::sourcelist': sources,
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::Etc::preferencesparts': '/dev/null',
      'Dir::State::Lists': join(folder, 'lists'),
      'Dir::Cache': join(folder, 'cache'),
      // the folder may not be open to apt's own user
      'APT::Sandbox::User': 'root',
      'Acquire::Retries': '3',
    };
    this.#options = ['-qq', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  }

  /** Fetches the lists of packages. */
  async update(): Promise<void> {
    await this.#apt(['update']);
  }

  /** Downloads binary packages and unpacks them into a folder. */
  async unpack(packages: readonly string[], folder: string): Promise<void> {
    const before = new Set(readdirSync(this.#downloads));
    await this.#apt(['download', ...packages]);
    const archives = readdirSync(this.#downloads).filter(name => name.endsWith('.deb') && !before.has(name));
    for (const archive of archives) await run(['dpkg', '-x', join(this.#downloads, archive), folder]);
  }

  /** Downloads a source package and returns the path of its upstream archive. */
  async source(name: string): Promise<string> {
    await this.#apt(['source', '--download-only', name]);
    const archive = readdirSync(this.#downloads).find(
      file => file.startsWith(`${name}_`) && file.includes('.orig.tar.'),
    );
    if (archive === undefined) throw new Error(`apt-get source ${name} brought no .orig.tar archive`);
    return join(this.#downloads, archive);
  }

  get #downloads(): string {
    return join(this.#folder, 'downloads');
  }

  async #apt(args: readonly string[]): Promise<void> {
    await run(['apt-get', ...this.#options, ...args], { cwd: this.#downloads, env: { ...process.env, LC_ALL: 'C' } });
  }
}
