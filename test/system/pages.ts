import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Every page that users read, from the clone's root. */
export const pages: readonly string[] = globSync(['*.md', 'docs/**/*.md'], { cwd: root });

/** The text of a file of the clone. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The text of every fenced block in one of the languages, without the indentation of a list that it is in. */
export function blocks(path: string, languages: string): string[] {
  return fenced(path, languages).map(({ text }) => text);
}

export interface ShellBlock {
  /** What a reader types. */
  text: string;
  /** `<page>: <name>` of one that tests run: `<!-- run: name -->` stands before it. The page is without its folder and ending. */
  id?: string;
  /** What the page shows as its output: the block without a language that follows. */
  shown?: string;
  /** Why no test runs it: `<!-- not run: reason -->` stands before it. */
  notRun?: string;
}

/** The shell blocks of a page. */
export function shellBlocks(path: string): ShellBlock[] {
  return fenced(path, 'sh|bash|shell|console').map(({ text, before, after }) => {
    const [, kind, said = ''] = /^<!-- (run|not run): (.+) -->$/.exec(before) ?? [];
    return {
      text,
      ...(after !== undefined && { shown: after }),
      ...(kind === 'run' && { id: `${basename(path, '.md')}: ${said}` }),
      ...(kind === 'not run' && { notRun: said }),
    };
  });
}

/** A shell block that tests run. @throws Error where no page has it, or more than one */
export function shellBlock(id: string): ShellBlock {
  const [found, another] = pages.flatMap(shellBlocks).filter(block => block.id === id);
  if (!found || another) throw new Error(`The pages have ${found ? 'several shell blocks' : 'no shell block'} "${id}"`);
  return found;
}

interface Fenced {
  text: string;
  /** The last line before it that is not empty. */
  before: string;
  /** A block without a language that follows at once. */
  after: string | undefined;
}

function fenced(path: string, languages: string): Fenced[] {
  const fence = '^ *```$';
  const pattern = `([^\\n]*)\\n+( *)\`\`\`(?:${languages})\\n(.*?)${fence}(?:\\n+${fence}\\n(.*?)${fence})?`;
  const found = read(path).matchAll(new RegExp(pattern, 'gms'));
  return [...found].map(([, before = '', indent = '', text = '', after]) => {
    const flat = (indented: string): string => indented.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    return { before: before.trim(), text: flat(text), after: after === undefined ? undefined : flat(after) };
  });
}
