import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Where every benchmark leaves its rows, in place of its earlier ones. */
export const resultsFile = join(import.meta.dirname, 'results.json');

/** One measured number, beside the baseline that the same run measured. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  /** The same unit; null where the number is of interest by itself. */
  baseline: number | null;
  /** What the baseline is. */
  against: string;
  /** value / baseline. */
  ratio: number | null;
  /** The goal in words; empty where there is none yet. */
  goal: string;
  /** Whether the goal is met; null where there is none. */
  met: boolean | null;
}

/** The goal for a number, or for its ratio to the baseline. */
export interface Goal {
  readonly of: 'ratio' | 'value';
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** What a benchmark reports. */
export interface Report {
  readonly value: number;
  readonly unit: string;
  readonly baseline?: number;
  /** What the baseline is, in a few words. */
  readonly against?: string;
  readonly goal?: Goal;
}

export type Reporter = (name: string, report: Report) => void;

/** One benchmark file's content: what it measures, and how. It ends everything that it starts, also when it fails. */
export interface Benchmark {
  /** As its file. */
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  /** The process ends after this time, s: a benchmark that hangs must not hold the others up. */
  readonly limitSeconds: number;
  run(report: Reporter): Promise<void>;
}

/**
 * Runs a benchmark as the main program of its process: prints each row as soon as it is known, and writes all of them to resultsFile,
 * also those of a run that fails later. Goals are printed, never asserted.
 */
export async function runBenchmark(benchmark: Benchmark): Promise<void> {
  const { name, about, limitSeconds } = benchmark;
  const rows: Row[] = [];
  const timer = setTimeout(() => {
    console.error(`${name}: not done after ${limitSeconds} s`);
    void merge(name, rows).finally(() => process.exit(1));
  }, limitSeconds * 1000);
  console.log(`\n${name}: ${about}`);
  try {
    await benchmark.run((rowName, report) => {
      const row = toRow(`${name}/${rowName}`, report);
      rows.push(row);
      console.log(format(row));
    });
  } catch (error) {
    console.error(`${name} failed:`, error);
    process.exitCode = 1;
  } finally {
    clearTimeout(timer);
    await merge(name, rows);
  }
}

/** Puts rows in place of the benchmark's earlier ones. */
async function merge(name: string, rows: readonly Row[]): Promise<void> {
  const earlier = existsSync(resultsFile) ? (JSON.parse(await readFile(resultsFile, 'utf8')) as Row[]) : [];
  const all = [...earlier.filter(row => !row.name.startsWith(`${name}/`)), ...rows];
  const unfinished = join(dirname(resultsFile), `.${basename(resultsFile)}.${process.pid}.tmp`);
  await mkdir(dirname(resultsFile), { recursive: true });
  await writeFile(unfinished, `${JSON.stringify(all, null, 2)}\n`);
  await rename(unfinished, resultsFile);
}

function toRow(name: string, { value, unit, baseline, against, goal }: Report): Row {
  const ratio = baseline === undefined || baseline === 0 ? null : value / baseline;
  return {
    name,
    value: round(value),
    unit,
    baseline: baseline === undefined ? null : round(baseline),
    against: against ?? '',
    ratio: ratio === null ? null : round(ratio),
    goal: goal === undefined ? '' : goalText(goal, unit),
    met: goal === undefined ? null : isMet(goal, goal.of === 'ratio' ? ratio : value),
  };
}

function goalText({ of, atMost, atLeast }: Goal, unit: string): string {
  const suffix = of === 'ratio' ? 'times' : unit;
  return [
    ...(atMost === undefined ? [] : [`at most ${round(atMost)} ${suffix}`]),
    ...(atLeast === undefined ? [] : [`at least ${round(atLeast)} ${suffix}`]),
  ].join(', ');
}

function isMet({ atMost = Infinity, atLeast = -Infinity }: Goal, number: number | null): boolean | null {
  return number === null ? null : number <= atMost && number >= atLeast;
}

function format({ name, value, unit, baseline, against, ratio, goal, met }: Row): string {
  const compared = baseline === null ? '' : `  ${against}: ${baseline} ${unit}, ratio ${ratio}`;
  const verdict = met === null ? '' : `  [goal ${goal}: ${met ? 'met' : 'NOT met'}]`;
  return `  ${name.padEnd(44)} ${String(value).padStart(9)} ${unit}${compared}${verdict}`;
}

/** Three significant digits, as many as such measurements deserve. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}
