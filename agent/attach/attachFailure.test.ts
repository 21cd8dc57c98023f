import { expect } from 'chai';
import { ownNamespace } from '../netlink/namespace.ts';
import { type ErrnoName, NetlinkEndedError, NetlinkError } from '../netlink/netlink.ts';
import { answerTo, attachFailure } from './attachFailure.ts';
import type { Attachment } from './attachment.ts';

const { signal } = new AbortController();

function attachment(netns: string, plugin: Attachment['plugin'] = { type: 'macvlan', mode: 'bridge' }): Attachment {
  return {
    since: '2026-01-01T00:00:00.000Z',
    ...{ containerId: 'c', ifname: 'net1', callIfname: 'net1', configName: 'n', netns, network: 'n' },
    ...{ plugin, pod: { uid: 'u', namespace: 't', name: 'p' } },
    ...{
      nics: [{ name: 'net1-0', master: 'eth1', addresses: [] }],
      masterNets: [],
      routes: [],
      dns: {},
      defaultRoute: [],
      defaultFamilies: [],
    },
    call: { args: '', path: '' },
  };
}

function refused(operation: string, code: ErrnoName): NetlinkError {
  return new NetlinkError({ index: 0, operation, target: 'net1-0', code, errno: 1, kernelText: 'words' }, null);
}

describe('attachFailure', () => {
  for (const [what, operation, code, answer] of [
    ['a NIC that is gone', 'link.add', 'ENODEV', [101, 'MNN_NODE_LACKS']],
    ['a NIC that is somebody else’s', 'link.add', 'EBUSY', [101, 'MNN_NIC_CONFLICT']],
    ['an MTU that is too large', 'link.add', 'EINVAL', [101, 'MNN_ATTACH_FAILED']],
    ['a kind that the kernel lacks', 'link.add', 'EOPNOTSUPP', [101, 'MNN_ATTACH_FAILED']],
    ['a hardware address of a group', 'link.add', 'EADDRNOTAVAIL', [7, 'MNN_ATTACH_FAILED']],
    ['a name that is taken', 'link.add', 'EEXIST', [999, 'MNN_INTERFACE_EXISTS']],
    ['a hardware address that is taken', 'link.set', 'EADDRINUSE', [100, 'MNN_ADDRESS_TAKEN']],
    ['a link that is gone again', 'address.add', 'ENODEV', [11, 'MNN_ATTACH_FAILED']],
    ['a link that is down again', 'route.add', 'ENETDOWN', [11, 'MNN_ATTACH_FAILED']],
    ['a gateway on no link', 'route.add', 'ENETUNREACH', [100, 'MNN_GATEWAY_UNREACHABLE']],
    ['a gateway on no link, IPv6', 'route.add', 'EHOSTUNREACH', [100, 'MNN_GATEWAY_UNREACHABLE']],
    ['a kernel without IPv6', 'address.add', 'EOPNOTSUPP', [101, 'MNN_ATTACH_FAILED']],
    ['a lack of memory', 'link.add', 'ENOMEM', [11, 'MNN_ATTACH_FAILED']],
    ['a lack of open files', 'netns.enter', 'EMFILE', [11, 'MNN_ATTACH_FAILED']],
    ['a read-only /proc/sys', 'sysctl.set', 'EROFS', [5, 'MNN_ATTACH_FAILED']],
    ['a route that is there already', 'route.add', 'EEXIST', [100, 'MNN_ROUTE_TAKEN']],
    ['a lack of rights', 'link.add', 'EPERM', [999, 'MNN_ATTACH_FAILED']],
  ] as const) {
    it(`answers ${answer.join(' ')} to ${what}`, () => {
      expect(answerTo({ operation, code })).to.deep.equal(answer);
    });
  }

  it('says network, NIC and the kernel’s words', () => {
    const { message } = attachFailure(attachment(ownNamespace), refused('link.add', 'ENODEV'), signal);
    expect(message).to.equal('network n on eth1: the node has no such NIC (any more) (link.add net1-0: ENODEV: words)');
  });

  for (const [plugin, advice] of [
    [{ type: 'ipvlan', mode: 'l3' }, 'no ipvlan: modprobe ipvlan, or another spec.plugin.type such as ptp'],
    [{ type: 'macvlan', mode: 'bridge' }, 'no macvlan: modprobe macvlan, or another spec.plugin.type such as ptp'],
    [{ type: 'ptp' }, 'no veth: modprobe veth, or another spec.plugin.type'],
  ] as const) {
    it(`says what to do where the kernel lacks the kind of link that ${plugin.type} makes`, () => {
      const { message } = attachFailure(attachment(ownNamespace, plugin), refused('link.add', 'EOPNOTSUPP'), signal);
      expect(message).to.equal(
        `network n on eth1: the kernel of this node has ${advice} (link.add net1-0: EOPNOTSUPP: words)`,
      );
    });
  }

  it('answers 8 to anything that fails once the namespace is gone', () => {
    expect(attachFailure(attachment('/run/netns/none'), refused('link.add', 'EINVAL'), signal).code).to.equal(8);
  });

  it('answers 11 where the netlink layer ends, and where the call has taken too long', () => {
    const ended = new NetlinkEndedError('it has been closed');
    expect(attachFailure(attachment(ownNamespace), ended, signal).code).to.equal(11);
    expect(attachFailure(attachment(ownNamespace), refused('link.add', 'EPERM'), AbortSignal.abort()).code).to.equal(
      11,
    );
  });
});
