import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Component } from './component.ts';

/** Folders in which a node writes. Each node has its own under the same path; all else it shares with the machine. */
const ownFolders = [
  '/run',
  '/var/log',
  '/var/lib/kubelet',
  '/var/lib/containerd',
  '/var/lib/cni',
  '/var/lib/multi-nic',
  '/etc/cni/net.d',
  '/etc/containerd',
] as const;

/** A kubelet sets these for the whole machine, with these values. A node gets files instead. */
const kernelTunables = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

export interface NamespaceOptions {
  name: string;
  /** Holds the node's own folders. */
  folder: string;
  logFile: string;
  /** Becomes process 1 of the node. */
  pauseProgram: string;
  /** The reference CNI plugins, which appear in /opt/cni/bin; the node may add its own there. */
  cniPlugins: string;
  env: NodeJS.ProcessEnv;
}

/** The path on the machine of a path in one of a node's own folders. */
export function machinePath(folder: string, path: string): string {
  const own = ownFolders.find(candidate => path === candidate || path.startsWith(`${candidate}/`));
  if (own === undefined)
    throw new Error(`${path} is not in a folder that a node has of its own: ${ownFolders.join(', ')}`);
  return join(folder, 'own', path);
}

/**
 * A process that holds a node's namespaces: network, mounts, host name, and process ids, so that with it everything on
 * the node ends, containers too, however it dies.
 */
export function createNamespace(options: NamespaceOptions): Component {
  const { folder } = options;
  for (const own of ownFolders) mkdirSync(join(folder, 'own', own), { recursive: true });
  for (const top of ['etc', 'opt', 'var-lib', 'plugins']) {
    for (const part of ['upper', 'work']) mkdirSync(join(folder, 'overlay', top, part), { recursive: true });
  }
  for (const [name, value] of Object.entries(kernelTunables)) {
    const path = join(folder, 'sysctl', name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, `${value}\n`);
  }
  const namespaces = ['--net', '--mount', '--pid', '--uts', '--fork', '--kill-child', '--propagation', 'private'];
  return new Component({
    name: `node ${options.name}`,
    logFile: options.logFile,
    env: options.env,
    entersNode: true,
    argv: ['unshare', ...namespaces, 'sh', '-eu', '-c', setUpScript(options)],
  });
}

/** Whether the holder has set up the node. */
export function isSetUp(holder: Component, pauseProgram: string): boolean {
  return readFileSync(`/proc/${holder.pid}/cmdline`, 'utf8').split('\0')[0] === pauseProgram;
}

/** The command line that runs a program on a node; the program dies with the process that started it. */
export function enterNode(holderPid: number, argv: readonly string[]): string[] {
  const namespaces = ['--net', '--mount', '--pid', '--uts'];
  return ['nsenter', '--target', String(holderPid), ...namespaces, '--', 'setpriv', '--pdeathsig', 'KILL', ...argv];
}

function setUpScript({ name, folder, pauseProgram, cniPlugins }: NamespaceOptions): string {
  const overlay = (lower: string, top: string, target: string): string => {
    const upper = join(folder, 'overlay', top);
    return `mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper}/upper,workdir=${upper}/work ${target}`;
  };
  return [
    `hostname ${name}`,
    'mount -t proc proc /proc',
    // /sys/class/net shows the network namespace of whoever mounted it; the cgroups are the machine's
    `mkdir -p ${folder}/cgroup`,
    `mount --rbind /sys/fs/cgroup ${folder}/cgroup`,
    'mount -t sysfs sysfs /sys',
    `mount --rbind ${folder}/cgroup /sys/fs/cgroup`,
    `umount -l ${folder}/cgroup`,
    ...Object.keys(kernelTunables).map(path => `mount --bind ${folder}/sysctl/${path} /proc/sys/${path}`),
    // so that folders which the machine lacks can be made there without making them on the machine
    overlay('/etc', 'etc', '/etc'),
    overlay('/opt', 'opt', '/opt'),
    overlay('/var/lib', 'var-lib', '/var/lib'),
    ...ownFolders.map(path => `mkdir -p ${path}; mount --bind ${folder}/own${path} ${path}`),
    'mkdir -p /opt/cni/bin',
    overlay(cniPlugins, 'plugins', '/opt/cni/bin'),
    // kubelets want shared mounts for volumes with Bidirectional propagation
    'mount --make-rshared /',
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    `exec ${pauseProgram}`,
  ].join('\n');
}
