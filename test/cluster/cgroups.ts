import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the machine's cgroup hierarchies are mounted: one a controller with cgroup v1, a single one with v2. */
export function cgroupMounts(): { version: 1 | 2; folders: string[] } {
  const v1 = mountPoints('cgroup');
  return v1.length > 0 ? { version: 1, folders: v1 } : { version: 2, folders: mountPoints('cgroup2').slice(0, 1) };
}

/** All hierarchies: with cgroup v1 there may be a v2 beside it that has no controllers, and runc uses that too. */
function allMounts(): string[] {
  return [...mountPoints('cgroup'), ...mountPoints('cgroup2')];
}

function mountPoints(type: string): string[] {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  return mounts
    .map(line => line.split(' '))
    .flatMap(([, path, is]) => (is === type && path !== undefined ? [path] : []));
}

/** Makes a cgroup with every controller a kubelet wants, in every hierarchy. */
export function makeCgroup(name: string): void {
  const { version, folders } = cgroupMounts();
  for (const mount of folders) {
    let parent = mount;
    for (const part of name.split('/')) {
      if (version === 2) passControllersOn(parent);
      const folder = join(parent, part);
      mkdirSync(folder, { recursive: true });
      // a cpuset of cgroup v1 is of no use until it has processors and memory
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        if (version === 1 && existsSync(join(folder, file))) copyFile(join(parent, file), join(folder, file));
      }
      parent = folder;
    }
    if (version === 2) passControllersOn(parent);
  }
}

/** The folders of a cgroup and those below it in all hierarchies, parents first. */
export function cgroupFolders(name: string): string[] {
  return allMounts().flatMap(mount => tree(join(mount, name)));
}

/** The ids of all processes in a cgroup and those below it. */
export function cgroupProcesses(name: string): number[] {
  const lists = cgroupFolders(name).map(folder =>
    ifStillThere(() => readFileSync(join(folder, 'cgroup.procs'), 'utf8')),
  );
  return lists
    .flatMap(list => (list ?? '').split('\n'))
    .filter(line => line !== '')
    .map(Number);
}

/** Removes a cgroup and those below it, once their processes are gone. */
export async function removeCgroups(name: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      for (const folder of cgroupFolders(name).reverse()) ifStillThere(() => rmdirSync(folder));
      return;
    } catch (error) {
      if (attempt === 100) throw error; // EBUSY: a killed process is still on its way out
      await sleep(20);
    }
  }
}

/** A cgroup folder and all below it, parents first; nothing when there is none. */
function tree(folder: string): string[] {
  const children = ifStillThere(() => readdirSync(folder, { withFileTypes: true }));
  if (children === undefined) return [];
  const folders = children.filter(entry => entry.isDirectory());
  return [folder, ...folders.flatMap(child => tree(join(folder, child.name)))];
}

/** Others remove cgroups too, while we look: runc, a kubelet, another process that tears down. */
function ifStillThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}

function passControllersOn(folder: string): void {
  const controllers = readFileSync(join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ').filter(Boolean);
  writeFileSync(join(folder, 'cgroup.subtree_control'), controllers.map(name => `+${name}`).join(' '));
}

function copyFile(from: string, to: string): void {
  writeFileSync(to, readFileSync(from, 'utf8'));
}
