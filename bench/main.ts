/** Runs benchmarks one after another, each as a process of its own: `node bench/main.ts [NAME...]`; all without a name. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { progress } from '../build/progress.ts';
import { removeLeftovers } from '../test/agent/namespaces.ts';
import { resultsFile, type Row } from './frame.ts';

/** The quick ones first. */
const all = ['executable', 'selection', 'routes', 'cni', 'memory', 'admission', 'allocation'];

async function runOne(name: string): Promise<boolean> {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`)], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  removeLeftovers(); // of one that died: its clusters are torn down by their own reapers
  return code === 0;
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : all;
const unknown = wanted.filter(name => !all.includes(name));
if (unknown.length > 0) {
  progress(`there is no benchmark ${unknown.join(', ')}; there are ${all.join(', ')}`);
  process.exit(2);
}
progress(`running ${wanted.join(', ')}: some minutes; numbers are only as quiet as the machine`);
const failed: string[] = [];
for (const name of wanted) if (!(await runOne(name))) failed.push(name);

const rows = JSON.parse(await readFile(resultsFile, 'utf8')) as Row[];
const judged = rows.filter(({ name, met }) => met !== null && wanted.includes(name.split('/')[0] ?? ''));
const missed = judged.filter(({ met }) => !met);
console.log(
  `\n${judged.length - missed.length} of ${judged.length} goals met; ${relative('', resultsFile)} has all rows`,
);
if (failed.length > 0) {
  progress(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
