import { constants } from 'node:os';
import { expect } from 'chai';
import { NLMSG } from '../../agent/netlink/constants.ts';
import * as libc from '../../agent/netlink/libc.ts';
import { parseLink } from '../../agent/netlink/link.ts';
import { writeLinkDump } from '../../agent/netlink/linkRequests.ts';
import { NetlinkSocket } from '../../agent/netlink/socket.ts';
import { ThreadNamespace } from '../../agent/netlink/threadNamespace.ts';
import { TestNamespace } from './support.ts';

/** The end of the first list that a socket asks for. */
function forgedEnd(): Buffer {
  const message = Buffer.alloc(20);
  message.writeUInt32LE(message.length);
  message.writeUInt16LE(NLMSG.DONE, 4);
  message.writeUInt32LE(1, 8);
  return message;
}

/** Sends it to a port of the thread's namespace; @returns the errno, 0 where it arrived */
function send(message: Buffer, port: number): number {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(libc.AF_NETLINK);
  address.writeUInt32LE(port, 4);
  const fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW_CLOEXEC, libc.NETLINK_ROUTE);
  try {
    libc.sendto(fd, message, address);
    return 0;
  } catch (error) {
    return (error as libc.SystemError).errno;
  } finally {
    libc.close(fd);
  }
}

describe('netlink: in the namespace of a pod with CAP_NET_ADMIN', () => {
  it('the kernel alone answers: what the pod sends to the port of the socket does not arrive', async () => {
    using namespace = new TestNamespace();
    using thread = new ThreadNamespace();
    using place = thread.open(namespace.path);
    using socket = place.within(() => new NetlinkSocket());
    // The first socket of a process in a namespace has its PID as port (netlink_autobind).
    const errno = place.within(() => send(forgedEnd(), process.pid));
    const links = await socket.dump(sequence => {
      socket.single.truncate(0);
      writeLinkDump(socket.single, sequence);
      return socket.single.bytes();
    }, parseLink);
    expect(links.map(({ name }) => name)).to.deep.equal(['lo']);
    expect(errno).to.equal(constants.errno.ECONNREFUSED);
  });
});
