import { closeSync, openSync } from 'node:fs';
import * as libc from '../../agent/netlink/libc.ts';
import { Namespace } from '../../test/agent/namespaces.ts';

/**
 * Makes a network namespace and puts this thread into it, and with it every thread and program that it starts from now on. The
 * namespace's name goes at the end; the namespace itself with the process.
 */
export function enterOwnNamespace(purpose: string): Namespace {
  const namespace = new Namespace(purpose);
  const fd = openSync(namespace.path, 'r');
  libc.setns(fd, libc.CLONE_NEWNET);
  closeSync(fd);
  return namespace;
}
