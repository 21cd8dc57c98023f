import { expect } from 'chai';
import { readNetwork } from '../../core/network/network.ts';
import { network } from '../../test/core/networks.ts';
import { grantAgain } from './grantAgain.ts';

describe('What an attachment has', () => {
  const claimant = { podUID: 'u1', namespace: 'work', name: 'web-0', interface: 'net1' };
  const nics = [{ master: 'eth1', addresses: ['10.200.0.65/19'] }];
  const netAddress = '172.20.1.0/24';
  const host = { hostName: 'node-1', interfaces: [{ interfaceName: 'eth1', netAddress, hostIP: '172.20.1.11' }] };

  /** The outcome where the leader has got that far with the network. */
  const outcome = async (interfaces: { index: number }[], hostIndex: number | undefined): Promise<unknown> => {
    const object = network('a');
    const positions = interfaces.map(({ index }) => ({ index, netAddress, ordinal: 0 }));
    const known = { object, state: { network: readNetwork(object), interfaces: positions } };
    const view = { nodeState: () => ({ name: 'node-1', host, hostIndex }) };
    const store = { allocate: () => Promise.resolve(), pages: undefined } as never;
    return grantAgain({ view, store }, known, { node: 'node-1', claimant, nics }, { timeoutMs: 1 }).catch(
      (error: { code?: string }) => error.code,
    );
  };

  it('is recorded again in the block that it is of', async () => {
    expect(await outcome([{ index: 0 }], 1)).to.equal(undefined);
    expect(await outcome([{ index: 0 }], 2)).to.equal('MNN_ADDRESS_OUTSIDE');
  });

  it('waits for its block where the network has just been created again', async () => {
    expect(await outcome([{ index: 0 }], undefined)).to.equal('MNN_NETWORK_NOT_READY');
    expect(await outcome([], 1)).to.equal('MNN_NETWORK_NOT_READY');
  });
});
