import { expect } from 'chai';
import type { CniCall } from '../../core/cni/call.ts';
import { readConfig } from '../../core/cni/config.ts';
import { readNetwork } from '../../core/network/network.ts';
import { network } from '../../test/core/networks.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { collectGarbage } from './collectGarbage.ts';
import type { CniContext } from './context.ts';

const entry = (containerId: string): CheckpointEntry => ({
  ...{ version: 1, state: 'intent', containerId, ifname: 'net1', callIfname: 'net1', configName: 'leased' },
  ...{ netns: '', netnsId: '', network: 'leased', type: 'ipvlan', since: '' },
  pod: { uid: containerId, namespace: 'default', name: containerId },
  links: [{ name: 'net1-0', addresses: [], routes: [] }],
});

describe('GC of a network whose addresses another plugin gives', () => {
  let entries: Map<string, CheckpointEntry>;
  let meanwhile: () => void;
  let cannotBeRemoved: ReadonlySet<string>;

  beforeEach(() => {
    entries = new Map(['valid', 'stale'].map(id => [id, entry(id)]));
    meanwhile = () => undefined;
    cannotBeRemoved = new Set();
  });

  /** Containers whose links the plugin is told to keep. */
  async function kept(): Promise<string[]> {
    const told: string[] = [];
    const leased = readNetwork(network('leased', { ipam: { type: 'host-local' } }));
    const context = {
      checkpoint: {
        list: () => entries.values(),
        get: (containerId: string) => entries.get(containerId),
        ofCall: (containerId: string) => [...entries.values()].filter(one => one.containerId === containerId),
        unreadableContainers: () => new Set(),
      },
      view: { network: () => ({ state: { network: leased } }) },
      delegates: {
        collectGarbage: (_delegate: unknown, _path: unknown, links: readonly { containerID: string }[]) => {
          told.push(...links.map(({ containerID }) => containerID));
          return Promise.resolve();
        },
      },
      attacher: {
        detach: ({ containerId }: CheckpointEntry) => {
          if (cannotBeRemoved.has(containerId)) return Promise.reject(new Error('it cannot be removed'));
          entries.delete(containerId);
          return Promise.resolve();
        },
      },
      detached: () => undefined,
    } as unknown as CniContext;
    const valid = [{ containerID: 'valid', ifname: 'net1' }];
    const plugin = { type: 'ipvlan' };
    const config = {
      cniVersion: '1.1.0',
      name: 'leased',
      type: 'multi-nic',
      plugin,
      'cni.dev/valid-attachments': valid,
    };
    const exclusively = async (_containerId: string, work: () => Promise<void>): Promise<void> => {
      meanwhile();
      await work();
    };
    const call = { path: '' } as unknown as CniCall;
    await collectGarbage(context, call, readConfig(JSON.stringify(config)), exclusively).catch(() => undefined);
    return told;
  }

  it('keeps what ADDs have made meanwhile, whether they were under way or have begun since', async () => {
    entries.set('under way', entry('under way'));
    meanwhile = () => {
      entries.set('under way', entry('under way'));
      entries.set('new', entry('new'));
    };
    expect((await kept()).sort()).to.deep.equal(['new', 'under way', 'valid']);
  });

  it('does not keep what could not be removed', async () => {
    cannotBeRemoved = new Set(['stale']);
    expect(await kept()).to.deep.equal(['valid']);
  });
});
