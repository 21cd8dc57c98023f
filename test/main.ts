/** The tests as a command: see `usage`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { type Suite, suites } from './suites.ts';

const repository = join(import.meta.dirname, '..');
const all = suites(repository);
const usage = `Runs suites of tests, several at once, each in a process of its own; lines begin with the suite's name.
A file in which a test failed runs once more at the end, alone.

  node test/main.ts [--jobs N] [SUITE …]
      --jobs N  how many at once; as many as there are CPUs unless told. Each needs up to 4 GB of memory.
      SUITE     one or several of: ${all.map(({ name }) => name).join(', ')}; all unless told.
`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' }, jobs: { type: 'string', default: `${availableParallelism()}` } },
});
const jobs = Number(options.jobs);
const unknown = positionals.filter(name => !all.some(suite => suite.name === name));
if (options.help) {
  console.log(usage);
} else if (unknown.length > 0 || !Number.isInteger(jobs) || jobs < 1) {
  console.error(unknown.length > 0 ? `no suite is called ${unknown.join(', ')}\n` : '--jobs takes a number from 1\n');
  console.error(usage);
  process.exitCode = 2;
} else {
  process.exitCode = await runAll(all.filter(({ name }) => positionals.length === 0 || positionals.includes(name)));
}

interface Outcome {
  name: string;
  failed: boolean;
  /** What Mocha says of its failures, at the end. */
  failures: string[];
  /** Those in which a test failed, if nothing else did. */
  failedFiles: string[];
  /** passed, failed, skipped */
  counts: readonly number[];
}

/** @returns the exit code: 1 if a test failed, a suite did not come to its end, or was skipped where it must not be */
async function runAll(wanted: readonly Suite[]): Promise<number> {
  const waiting = [...wanted];
  const outcomes: Outcome[] = [];
  const lane = async (): Promise<void> => {
    for (let suite = waiting.shift(); suite !== undefined; suite = waiting.shift()) outcomes.push(await run(suite));
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  if (jobs > 1)
    for (const outcome of outcomes.filter(({ failedFiles }) => failedFiles.length > 0)) await runAgain(outcome);
  const failed = outcomes.filter(outcome => outcome.failed);
  for (const { name, failedFiles } of outcomes.filter(outcome => !outcome.failed && outcome.failedFiles.length > 0)) {
    console.log(`\n${name}: failed beside others, and passed alone: ${failedFiles.join(', ')}`);
  }
  for (const { name, failures } of failed) console.log([`\n${name} failed:`, ...failures].join('\n'));
  const [passes, failures, skipped] = [0, 1, 2].map(i =>
    outcomes.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0),
  );
  console.log(`\n${outcomes.length} suites: ${passes} passed, ${failures} failed, ${skipped} skipped`);
  return failed.length > 0 ? 1 : 0;
}

/**
 * Files with a failure run once more, with the machine to themselves: beside other suites, a test may run out of time. That they failed is told all the
 * same.
 */
async function runAgain(outcome: Outcome): Promise<void> {
  const { name, failures, failedFiles, counts } = outcome;
  console.log([`\n${name} failed beside others; ${failedFiles.join(', ')} again, alone:`, ...failures].join('\n'));
  const again = await run({ name, files: failedFiles });
  if (again.failed) return;
  outcome.failed = false;
  outcome.counts = [(counts[0] ?? 0) + (counts[1] ?? 0), 0, counts[2] ?? 0];
}

/** Runs a suite to its end; what it writes is passed on at once, line by line. */
async function run({ name, files }: Suite): Promise<Outcome> {
  const start = performance.now();
  const mocha = [join(repository, 'node_modules/mocha/bin/mocha.js'), '--reporter', 'test/reporter.cjs'];
  // It ends with this process, however that ends.
  const argv = ['--pdeathsig', 'TERM', process.execPath, ...mocha, ...files];
  const child = spawn('setpriv', argv, { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  const failures: string[] = [];
  const failedFiles: string[] = [];
  let counts: number[] = [];
  const follow = async (stream: NodeJS.ReadableStream): Promise<void> => {
    for await (const line of createInterface(stream)) {
      console.log(`${name.padEnd(10)} ${line}`);
      // Its failures, or why it fails without any; coloured where the environment asks for that.
      const opens = /^ {2}\d+ failing$| fail the run\b/.test(stripVTControlCharacters(line));
      if (failures.length > 0 || opens) failures.push(line);
      failedFiles.push(
        ...(/^failed in (.+)$/
          .exec(line)
          ?.slice(1)
          .map(file => relative(repository, file)) ?? []),
      );
      counts = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(line)?.slice(1).map(Number) ?? counts;
    }
  };
  await Promise.all([follow(child.stdout), follow(child.stderr), ended]);
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  console.log(`${name.padEnd(10)} ended with ${signal ?? code} after ${minutes} minutes`);
  if (counts.length === 0) failures.push('It did not come to its end; what it wrote is above.');
  return { name, failed: code !== 0 || counts.length === 0, failures, failedFiles, counts };
}
