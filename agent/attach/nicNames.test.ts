import { expect } from 'chai';
import type { CheckpointLink } from '../checkpoint/entry.ts';
import type { LinkInfo, Netlink, Op } from '../netlink/netlink.ts';
import { undoNaming } from './nicNames.ts';

const nic = { index: 7, name: 'net1-0', alias: 'eth5', altNames: [], parentDevice: '0000:00:05.0' };

/** What is done about the names of the links of a pod. */
async function doneTo(links: readonly object[], device: string): Promise<Op[]> {
  const pod = links as readonly LinkInfo[];
  const done: Op[] = [];
  const netlink = {
    one: (_: string, op: Op) =>
      Promise.resolve(
        op.op === 'link.get' ? (pod.find(({ index, name }) => op.dev === index || op.dev === name) ?? null) : pod,
      ),
    run: (_: string, ops: readonly Op[]) => Promise.resolve(void done.push(...ops)),
  } as unknown as Netlink;
  const moves = { name: 'eth5', device, hostAddresses: [], altNames: [], inPod: { index: 7, alias: 'eth5' } };
  const link: CheckpointLink = { name: 'net1-0', addresses: [], routes: [], moves };
  await undoNaming(netlink, '/pod', link, 'net1');
  return done;
}

describe('Names of a NIC that a device plugin handed out', () => {
  it('are left as they are where the pod has changed nothing, also if its parent is not the PCI function itself (virtio)', async () => {
    for (const parentDevice of [nic.parentDevice, 'virtio3', null]) {
      expect(await doneTo([{ ...nic, parentDevice }], '0000:00:05.0'), String(parentDevice)).to.deep.equal([]);
    }
  });

  it('are given to it, and not to a link of another device that has its index', async () => {
    const other = { ...nic, parentDevice: '0000:00:06.0', name: 'net2-0' };
    const renamed = { ...nic, index: 8, name: 'wan0' };
    expect(await doneTo([other, renamed], '0000:00:05.0')).to.deep.equal([
      { op: 'link.set', dev: 8, up: false },
      { op: 'link.set', dev: 8, name: 'net1-0' },
    ]);
  });
});
