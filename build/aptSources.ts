/**
 * Apt sources for another suite or for source packages, derived from those that the machine has, so that the mirror, proxy and keys
 * of this machine are used for them too, and its own configuration does not change.
 */

/** One file of /etc/apt/sources.list.d, or /etc/apt/sources.list itself. */
export interface SourceFile {
  /** Its name; its extension gives the format: `.sources` is deb822, `.list` has one entry per line (sources.list(5)). */
  readonly name: string;
  readonly text: string;
}

export interface DerivedSources {
  /** The machine's own suite: VERSION_CODENAME of os-release, for example bookworm. */
  readonly codename: string;
  /** The suite wanted instead; the same name for the machine's own. */
  readonly suite: string;
  readonly types: readonly ('deb' | 'deb-src')[];
}

/** One enabled binary entry of the machine, as deb822 fields in lower case. */
type Stanza = ReadonlyMap<string, string>;

/**
 * A deb822 sources file for `wanted`, from every enabled binary entry for exactly the machine's own suite (its -updates and -security
 * pockets are left out: other suites may not have them).
 * @returns '' when no entry of the machine fits, for example on another distribution
 */
export function deriveSources(files: readonly SourceFile[], wanted: DerivedSources): string {
  return files
    .flatMap(file => (file.name.endsWith('.list') ? parseOneLine(file.text) : parseDeb822(file.text)))
    .filter(stanza => words(stanza, 'types').includes('deb') && words(stanza, 'suites').includes(wanted.codename))
    .map(stanza => print(new Map([...stanza, ['types', wanted.types.join(' ')], ['suites', wanted.suite]])))
    .join('\n');
}

function words(stanza: Stanza, field: string): string[] {
  return (stanza.get(field) ?? '').split(/\s+/).filter(word => word !== '');
}

function print(stanza: Stanza): string {
  return [...stanza].map(([field, value]) => `${field}: ${value}\n`).join('');
}

/** deb822: stanzas of `Field: value` with continuation lines (a Signed-By may hold a whole key), separated by empty lines. */
function parseDeb822(text: string): Stanza[] {
  const stanzas = text.split(/\n(?:[ \t]*\n)+/).map(paragraph => {
    const stanza = new Map<string, string>();
    let field = '';
    for (const line of paragraph.split('\n')) {
      if (line.startsWith('#')) continue;
      const start = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line);
      if (start) {
        field = (start[1] ?? '').toLowerCase();
        stanza.set(field, start[2] ?? '');
      } else if (/^[ \t]/.test(line) && stanza.has(field)) {
        stanza.set(field, `${stanza.get(field) ?? ''}\n${line}`);
      }
    }
    return stanza;
  });
  return stanzas.filter(stanza => stanza.has('types') && stanza.get('enabled')?.trim().toLowerCase() !== 'no');
}

/** One entry per line: `deb [option=value …] URI suite component…`. */
function parseOneLine(text: string): Stanza[] {
  return text.split('\n').flatMap(line => {
    const entry = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (!entry) return [];
    const [, options = '', uri = '', suite = '', components = ''] = entry;
    const stanza = new Map([
      ['types', 'deb'],
      ['uris', uri],
      ['suites', suite],
      ['components', components.trim()],
    ]);
    for (const option of options.split(/\s+/).filter(word => word.includes('='))) {
      const [name = '', value = ''] = option.split(/=(.*)/, 2);
      stanza.set(deb822Name(name), value.replaceAll(',', ' '));
    }
    return [stanza];
  });
}

/** The deb822 name of a one-line option, where they differ (sources.list(5)). */
function deb822Name(option: string): string {
  const lower = option.toLowerCase();
  return lower === 'arch' ? 'architectures' : lower === 'lang' ? 'languages' : lower === 'target' ? 'targets' : lower;
}
