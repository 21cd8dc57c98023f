import { closeSync, openSync } from 'node:fs';
import * as libc from '../../agent/netlink/libc.ts';
import { KoffiNetlink } from '../../agent/netlink/koffi-netlink.ts';
import type { Netlink } from '../../agent/netlink/netlink.ts';
import { ThreadNamespace } from '../../agent/netlink/thread-namespace.ts';
import { Namespace } from '../../test/agent/namespaces.ts';

/**
 * Makes a network namespace and puts this thread into it, and with it every thread and program that it starts from now on. The
 * namespace's name goes at the end; the namespace itself with the process.
 */
export function enterOwnNamespace(purpose: string): Namespace {
  const namespace = new Namespace(purpose);
  within(namespace, fd => {
    libc.setns(fd, libc.CLONE_NEWNET);
  });
  return namespace;
}

/** A netlink layer whose own namespace is the given one: threads are born in the namespace of the one that starts them. */
export async function netlinkIn(namespace: Namespace): Promise<Netlink> {
  using here = new ThreadNamespace();
  const netlink = new KoffiNetlink();
  await within(namespace, fd => here.within(fd, () => netlink.one(null, { op: 'link.list' })));
  return netlink;
}

function within<T>({ path }: Namespace, use: (fd: number) => T): T {
  const fd = openSync(path, 'r');
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
