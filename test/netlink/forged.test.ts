import { constants } from 'node:os';
import { expect } from 'chai';
import * as libc from '../../agent/netlink/libc.ts';
import { NetlinkSocket } from '../../agent/netlink/socket.ts';
import { ThreadNamespace } from '../../agent/netlink/threadNamespace.ts';
import { fixture } from './support.ts';

/** Sends something to a port of the thread's namespace; @returns the errno, 0 where it arrived */
function send(port: number): number {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(libc.AF_NETLINK);
  address.writeUInt32LE(port, 4);
  const fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW_CLOEXEC, libc.NETLINK_ROUTE);
  try {
    libc.sendto(fd, Buffer.alloc(20), address);
    return 0;
  } catch (error) {
    return (error as libc.SystemError).errno;
  } finally {
    libc.close(fd);
  }
}

describe('netlink: in the namespace of a pod with CAP_NET_ADMIN the kernel alone answers', () => {
  const test = fixture('koffi');

  it('as what the pod sends to the port of the socket does not arrive', () => {
    using thread = new ThreadNamespace();
    using place = thread.open(test.namespace().path);
    using socket = place.within(() => new NetlinkSocket());
    expect(socket.fd).to.be.greaterThan(0);
    // The first socket of a process in a namespace has its PID as port (netlink_autobind).
    const errno = place.within(() => send(process.pid));
    expect(errno).to.equal(constants.errno.ECONNREFUSED);
  });

  it('as it cannot guess the number of a request, for the moment before that', () => {
    using one = new NetlinkSocket();
    using other = new NetlinkSocket();
    expect(one.nextSequence()).not.to.equal(other.nextSequence());
  });
});
