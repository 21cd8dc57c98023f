import { expect } from 'chai';
import { readNetwork } from '../../core/network/network.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { network } from '../../test/core/networks.ts';
import { silent } from '../../test/kube/support.ts';
import { PoolStore } from '../pools/poolStore.ts';
import { grantAgain } from './grantAgain.ts';

describe('What an attachment has', () => {
  const claimant = { podUID: 'u1', namespace: 'work', name: 'web-0', interface: 'net1' };
  const nics = [{ master: 'eth1', addresses: ['10.200.0.65/19'] }];
  const netAddress = '172.20.1.0/24';
  const host = { hostName: 'node-1', interfaces: [{ interfaceName: 'eth1', netAddress, hostIP: '172.20.1.11' }] };

  /** What comes of it where the leader has got that far with the network: the error, or what the API server is asked for. */
  const outcome = async (interfaces: { index: number }[], hostIndex: number | undefined): Promise<string[]> => {
    const asked: string[] = [];
    await using server = await AnsweringServer.start(({ url = '' }, response) => {
      asked.push(url.split('?')[0] ?? '');
      answerJson(response, 403, { kind: 'Status', reason: 'Forbidden' });
    });
    const object = network('a');
    const positions = interfaces.map(({ index }) => ({ index, netAddress, ordinal: 0 }));
    const known = { object, state: { network: readNetwork(object), interfaces: positions } };
    const node = { name: 'node-1', host, hostIndex };
    const store = new PoolStore(server.client, { logger: silent });
    const error = await grantAgain(store, known, { node, claimant, nics }, { timeoutMs: 1_000 }).then(
      () => undefined,
      (failure: { code?: string }) => failure.code,
    );
    return asked.length > 0 ? asked : [String(error)];
  };

  it('is recorded again in the block that it is of', async () => {
    expect(await outcome([{ index: 0 }], 1)).to.deep.equal(['/apis/multinic.fms.io/v1/ippools/a.node-1']);
    expect(await outcome([{ index: 0 }], 2)).to.deep.equal(['MNN_ADDRESS_OUTSIDE']);
  });

  it('waits for its block where the network has just been created again', async () => {
    expect(await outcome([{ index: 0 }], undefined)).to.deep.equal(['MNN_NETWORK_NOT_READY']);
    expect(await outcome([], 1)).to.deep.equal(['MNN_NETWORK_NOT_READY']);
  });
});
