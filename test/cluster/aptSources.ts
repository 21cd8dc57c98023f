import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A source of packages, in the terms of sources.list(5). */
export interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  /** A key file or fingerprints, as the machine's own configuration has it. */
  signedBy?: string;
  /** Other options of this source, as deb822 fields (Trusted, Check-Valid-Until, …). */
  options: Record<string, string>;
}

/** Reads a file in the classic one-line format: `deb [option=value …] uri suite component…`. Disabled lines are skipped. */
export function parseSourcesList(text: string): AptSource[] {
  return text.split('\n').flatMap(line => {
    const match = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) return [];
    const [, bracket = '', uri = '', suite = '', components = ''] = match;
    const options = Object.fromEntries(words(bracket).map(option => splitAt(option, '=')));
    return [source({ ...options, uris: uri, suites: suite, components })];
  });
}

/** Reads a file in deb822 format: paragraphs of `Field: value`, lines that begin with a space continue the last field. */
export function parseDeb822(text: string): AptSource[] {
  const lines = text.split('\n').filter(line => !line.startsWith('#'));
  return lines
    .join('\n')
    .split(/\n\s*\n/)
    .filter(paragraph => paragraph.trim() !== '')
    .map(paragraph => {
      const fields = paragraph.trim().split(/\n(?=\S)/);
      return Object.fromEntries(
        fields.map(field => splitAt(field, ':')).map(([key, value]) => [key.toLowerCase(), value]),
      );
    })
    .filter(fields => fields.enabled !== 'no')
    .map(source);
}

/** All sources that apt is configured with on this machine. */
export function machineSources(folder = '/etc/apt'): AptSource[] {
  const main = join(folder, 'sources.list');
  const parts = join(folder, 'sources.list.d');
  const files = [
    ...(existsSync(main) ? [main] : []),
    ...(existsSync(parts) ? readdirSync(parts).map(name => join(parts, name)) : []),
  ];
  return files.flatMap(file => {
    if (file.endsWith('.sources')) return parseDeb822(readFileSync(file, 'utf8'));
    return file.endsWith('.list') ? parseSourcesList(readFileSync(file, 'utf8')) : [];
  });
}

/**
 * The sources of Debian's bookworm, binaries and sources both, from the same mirrors that the machine uses. A machine of
 * another Debian release gets bookworm's suites from its mirrors, which carry them all.
 * @throws Error where no mirror of Debian is configured.
 */
export function bookwormSources(sources: readonly AptSource[]): string {
  const debian = sources.filter(({ suites }) =>
    suites.some(suite => /^(bookworm|trixie|bullseye|forky|sid|stable|testing)\b/.test(suite)),
  );
  const bookworm = debian.map(entry => ({ ...entry, suites: [...new Set(entry.suites.map(toBookworm))] }));
  const official = bookworm.filter(({ uris }) => uris.some(uri => uri.includes('debian')));
  if (official.length === 0)
    throw new Error('apt has no mirror of Debian configured (see sources.list(5)); it is needed for bookworm packages');
  return official.map(format).join('\n');
}

function toBookworm(suite: string): string {
  return suite.replace(/^[a-z]+/, 'bookworm');
}

function format({ uris, suites, components, signedBy, options }: AptSource): string {
  const fields = {
    Types: 'deb deb-src',
    URIs: uris.join(' '),
    Suites: suites.join(' '),
    Components: components.filter(component => component === 'main').join(' ') || 'main',
    ...(signedBy !== undefined && { 'Signed-By': signedBy }),
    ...options,
  };
  return `${Object.entries(fields)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')}\n`;
}

function source(fields: Record<string, string>): AptSource {
  const { uris = '', suites = '', components = '', 'signed-by': signedBy, ...rest } = fields;
  const options = Object.entries(rest).filter(([name]) => name !== 'types' && name !== 'enabled');
  return {
    uris: words(uris),
    suites: words(suites),
    components: words(components),
    ...(signedBy !== undefined && { signedBy }),
    options: Object.fromEntries(options),
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(word => word !== '');
}

function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}
