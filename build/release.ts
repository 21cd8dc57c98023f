/** Writes the version of package.json to wherever else it stands: `make release`. */
import { globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '..');

/** Where images are named by hand; overlays are rendered from these. */
const filesWithImages = ['manifests/base/*/*.yaml', 'docs/guides/install.md', 'images/Containerfile'];

/** The text with our images in this version. */
export function withImageVersion(text: string, version: string): string {
  return text.replaceAll(/\b(multi-nic-(?:webhook|agent)):\d+\.\d+\.\d+[\w.-]*/g, `$1:${version}`);
}

/**
 * The changelog with what was unreleased as the part of this version, under a new, empty part.
 * @throws Error where nothing is unreleased, or the version has its part already
 */
export function withRelease(changelog: string, version: string, date: string): string {
  const heading = '## [Unreleased]\n';
  const [before, after, ...more] = changelog.split(heading);
  if (after === undefined || more.length > 0) throw new Error('CHANGELOG.md must have one part [Unreleased]');
  if (changelog.includes(`## [${version}]`)) throw new Error(`CHANGELOG.md has a part [${version}] already`);
  if (!/^\s*###? (?!\[)/.test(after)) throw new Error('CHANGELOG.md says nothing under [Unreleased]');
  return `${before}${heading}\n## [${version}] - ${date}\n${after}`;
}

async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  const file = join(repository, path);
  await writeFile(file, change(await readFile(file, 'utf8')));
}

if (import.meta.main) {
  const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as { version: string };
  const date = new Date().toISOString().slice(0, 10);
  await rewrite('CHANGELOG.md', text => withRelease(text, version, date));
  for (const path of globSync(filesWithImages, { cwd: repository })) {
    await rewrite(path, text => withImageVersion(text, version));
  }
}
