import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

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

/** What a benchmark reports. */
export interface Report {
  value: number;
  unit: string;
  baseline?: number;
  against?: string;
  goal?: { text: string; met: (ratio: number | null, value: number) => boolean };
}

/** One benchmark file's content: what it measures, and how. It owns all it starts and ends it, also when it fails. */
export interface Benchmark {
  name: string;
  /** One line for people. */
  about: string;
  run(report: (name: string, report: Report) => void): Promise<void>;
}

/** Runs benchmarks one after another, prints a row as soon as it is known, and writes all rows to a file. */
export async function runBenchmarks(benchmarks: readonly Benchmark[], file: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const benchmark of benchmarks) {
    console.log(`\n${benchmark.name}: ${benchmark.about}`);
    await benchmark.run((name, report) => {
      const row = toRow(`${benchmark.name}/${name}`, report);
      rows.push(row);
      console.log(format(row));
    });
  }
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(rows, null, 2)}\n`);
  return rows;
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
    goal: goal?.text ?? '',
    met: goal ? goal.met(ratio, value) : null,
  };
}

function format({ name, value, unit, baseline, against, ratio, goal, met }: Row): string {
  const compared = baseline === null ? '' : `  ${against}: ${baseline} ${unit}, ratio ${ratio}`;
  const verdict = met === null ? '' : `  goal ${goal}: ${met ? 'met' : 'NOT met'}`;
  return `  ${name.padEnd(44)} ${String(value).padStart(9)} ${unit}${compared}${verdict}`;
}

/** Three significant digits, as many as such measurements deserve. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** The p-th percentile (0 to 100) of samples, by the nearest rank. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Milliseconds that each of `count` runs takes, after `warmUp` runs that do not count. */
export async function timed(count: number, run: (i: number) => Promise<void> | void, warmUp = 0): Promise<number[]> {
  for (let i = 0; i < warmUp; i++) await run(-1 - i);
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await run(i);
    samples.push(performance.now() - start);
  }
  return samples;
}
