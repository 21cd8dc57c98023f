import { closeSync, openSync } from 'node:fs';
import { KoffiNetlink } from '../../agent/netlink/koffiNetlink.ts';
import * as libc from '../../agent/netlink/libc.ts';
import type { EventSink } from '../../agent/netlink/monitor.ts';
import type { Netlink } from '../../agent/netlink/netlink.ts';
import { Namespace } from '../../test/agent/namespaces.ts';

/**
 * Makes a network namespace and puts this thread into it, and with it every thread and program that it starts from now on. The
 * namespace's name goes at the end; the namespace itself with the process.
 */
export function enterOwnNamespace(purpose: string): Namespace {
  const namespace = new Namespace(purpose);
  const fd = openSync(namespace.path, 'r');
  try {
    libc.setns(fd, libc.CLONE_NEWNET);
  } finally {
    closeSync(fd);
  }
  return namespace;
}

/** A netlink layer that takes the given namespace for the process's own. */
export function netlinkIn({ path }: Namespace): Netlink {
  return new (class extends KoffiNetlink {
    protected override execute(...[netns, ...rest]: Parameters<KoffiNetlink['execute']>) {
      return super.execute(netns ?? path, ...rest);
    }

    protected override listen(sink: EventSink) {
      return super.listen({
        netns: sink.netns ?? path,
        subscription: sink.subscription,
        receive: events => {
          sink.receive(events);
        },
        fail: error => {
          sink.fail(error);
        },
      });
    }
  })();
}
