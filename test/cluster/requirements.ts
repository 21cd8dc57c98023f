import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { withLock } from '../../build/lock.ts';
import { progress } from '../../build/progress.ts';
import { run } from '../../build/run.ts';

interface Requirement {
  /** The Debian package that has it. */
  package: string;
  isThere: () => boolean;
}

const command = (name: string, packageName: string): Requirement => ({
  package: packageName,
  isThere: () => hasCommand(name),
});

const always = [
  ...['flock', 'setpriv'].map(name => command(name, 'util-linux')),
  command('tar', 'tar'),
  command('xz', 'xz-utils'),
  command('grep', 'grep'),
  command('ip', 'iproute2'),
];

const forNodes = [
  ...['unshare', 'nsenter'].map(name => command(name, 'util-linux')),
  command('mount', 'mount'),
  command('hostname', 'hostname'),
  command('gcc', 'gcc'),
  command('ping', 'iputils-ping'),
  { package: 'libc6-dev', isThere: () => hasLibrary('libc.a') },
  // runc is linked against it
  { package: 'libseccomp2', isThere: () => hasLibrary('libseccomp.so.2') },
];

/**
 * Checks that the machine has what a cluster needs; as root, installs missing Debian packages, and says so.
 * @throws Error that names everything that is missing and how to get it.
 */
export async function ensureRequirements(realNodes: boolean): Promise<void> {
  const problems: string[] = [];
  const isRoot = process.getuid?.() === 0;
  if (process.platform !== 'linux') problems.push(`Linux (this is ${process.platform})`);
  if (realNodes && !isRoot)
    problems.push('root, for network namespaces: run it with sudo, or as root in a container with --privileged');
  for (const name of ['apt-get', 'dpkg'])
    if (!hasCommand(name)) problems.push(`${name}: run it on Debian, or in a Debian container`);

  const missing = missingPackages(realNodes);
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...missing];
  if (missing.length > 0 && isRoot && problems.length === 0) {
    progress(`installing missing packages: ${missing.join(', ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await withLock('/run/lock/multi-nic-test-apt', async () => {
      await run(['apt-get', '-qq', 'update'], { env });
      await run([...install, '-qq', '-o', 'DPkg::Lock::Timeout=300'], { env });
    });
  }
  const stillMissing = missingPackages(realNodes);
  if (stillMissing.length > 0) problems.push(`the packages ${stillMissing.join(', ')}: ${install.join(' ')}`);
  if (problems.length > 0)
    throw new Error(`The local cluster needs:\n${problems.map(line => `  - ${line}`).join('\n')}`);
}

function missingPackages(realNodes: boolean): string[] {
  const wanted = realNodes ? [...always, ...forNodes] : always;
  return [...new Set(wanted.filter(({ isThere }) => !isThere()).map(entry => entry.package))];
}

function hasCommand(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some(folder => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Whether a library is in Debian's multiarch folders. */
function hasLibrary(file: string): boolean {
  return ['/usr/lib', '/lib'].some(root => {
    const multiarch = readdirSync(root).filter(name => name.includes('-linux-gnu'));
    return ['', ...multiarch].some(folder => existsSync(join(root, folder, file)));
  });
}
