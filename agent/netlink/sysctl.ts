import { readFileSync, writeFileSync } from 'node:fs';
import { InvalidArgument } from './text.ts';
import type { Family, Outcome, SysctlGet, SysctlSet } from './types.ts';

const root = '/proc/sys/net/';

/**
 * The value of a key under /proc/sys/net, without the newline. The kernel shows each thread the values of the thread's own
 * network namespace, whichever mount of /proc it reads, so this is called within the wanted one.
 */
function readSysctl(key: string): string {
  return readFileSync(sysctlPath(key), 'utf8').trimEnd();
}

/** Writes a value in the calling thread's network namespace. */
function writeSysctl(key: string, value: string | number): void {
  // Without O_CREAT: a key that the kernel lacks must fail with ENOENT.
  writeFileSync(sysctlPath(key), `${value}\n`, { flag: 'r+' });
}

/** Executes a sysctl operation in the calling thread's network namespace. */
export function runSysctl(op: SysctlGet | SysctlSet): string | Outcome {
  if (op.op === 'sysctl.get') return readSysctl(op.key);
  writeSysctl(op.key, op.value);
  return { done: true };
}

/** The file of a key. Throws InvalidArgument for a key that leads to a file elsewhere. */
export function sysctlPath(key: string): string {
  const parts = key.split('/');
  if (parts.some(part => part === '' || part === '.' || part === '..') || key.includes('\0')) {
    throw new InvalidArgument(`"${key}" is not a key of /proc/sys/net`);
  }
  return root + key;
}

/** A key of one interface, for example ('eth0', 4, 'rp_filter') → 'ipv4/conf/eth0/rp_filter'. */
export function interfaceKey(dev: string, family: Family, name: string): string {
  if (dev === '' || dev.includes('/')) throw new InvalidArgument(`"${dev}" is not the name of an interface`);
  return `ipv${family}/conf/${dev}/${name}`;
}

/** Whether the namespace forwards packets of a family (ip_forward, conf/all/forwarding). */
export function forwardingKey(family: Family): string {
  return family === 4 ? 'ipv4/ip_forward' : 'ipv6/conf/all/forwarding';
}

/** A key as sysctl(8) takes it, where dots and slashes change places: `net.ipv4.conf.eth0/100.forwarding`. */
export function sysctlName(key: string): string {
  return `net.${key.replaceAll(/[./]/g, separator => (separator === '/' ? '.' : '/'))}`;
}

export function getSysctl(key: string): SysctlGet {
  return { op: 'sysctl.get', key };
}

export function setSysctl(key: string, value: string | number): SysctlSet {
  return { op: 'sysctl.set', key, value };
}
