import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { loadOrder, type UmlKernel } from './kernel.ts';
import type { UmlNetwork } from './network.ts';

/** What process 1 inside is told; init.c reads it from files of a folder. */
export interface Plan {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Kernel modules by name; those that they need are loaded too. */
  readonly modules: readonly string[];
  /** Parameters of modules, by the module's name. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly network?: UmlNetwork | undefined;
}

const folderName = /^multi-nic-uml-(\d+)-/;

/** Makes a folder for a plan, named after this process, and removes those of processes that were killed. */
export async function newPlanFolder(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    const owner = folderName.exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
  return mkdtemp(join(tmpdir(), `multi-nic-uml-${process.pid}-`));
}

/** Lets a machine with a network go on: the host's end is ready. */
export async function sayConnected(folder: string): Promise<void> {
  await writeFile(join(folder, 'connected'), '');
}

/** Writes the files that init.c reads into `folder`, which exists. */
export async function writePlan(folder: string, plan: Plan, kernel: UmlKernel): Promise<void> {
  const dependencies = await readFile(join(kernel.modules, 'modules.dep'), 'utf8');
  const modules = loadOrder(dependencies, plan.modules).map(
    file => `${join(kernel.modules, file)}\t${plan.parameters[basename(file, '.ko')] ?? ''}\n`,
  );
  const addresses = plan.network ? [`vec0 ${plan.network.guestAddress} 255.255.255.0\n`] : [];
  const files = {
    modules: modules.join(''),
    addresses: addresses.join(''),
    arguments: ended(plan.command),
    environment: ended(Object.entries(plan.env).map(([name, value]) => `${name}=${value}`)),
    cwd: plan.cwd,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

/** The exit code that process 1 wrote; undefined where it did not come so far. */
export async function readExitCode(folder: string): Promise<number | undefined> {
  try {
    return Number.parseInt(await readFile(join(folder, 'exit-code'), 'utf8'), 10);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function ended(strings: readonly string[]): string {
  return strings.map(text => `${text}\0`).join('');
}
