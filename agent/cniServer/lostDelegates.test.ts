import { expect } from 'chai';
import pino from 'pino';
import type { CniCall } from '../../core/cni/call.ts';
import { type CniConfig, readConfig } from '../../core/cni/config.ts';
import { cniCodes } from '../../core/cni/error.ts';
import { readNetwork } from '../../core/network/network.ts';
import { network } from '../../test/core/networks.ts';
import type { DelegateCall } from '../delegate/delegates.ts';
import { PluginHung } from '../delegate/pluginError.ts';
import type { CniContext } from './context.ts';
import { LostDelegates } from './lostDelegates.ts';

const call = {
  containerId: 'c0ffee',
  ifname: 'net1',
  netns: '',
  args: { K8S_POD_NAMESPACE: 'default', K8S_POD_NAME: 'pod', K8S_POD_UID: 'uid' },
  path: '',
} as unknown as CniCall;

const lost = { fileName: 'c0ffee@net1.json', containerId: 'c0ffee', ifname: 'net1', network: undefined };

const configOf = (more: object): CniConfig =>
  readConfig(JSON.stringify({ cniVersion: '1.0.0', name: 'leased', type: 'multi-nic', ...more }));

describe('Plugins of an attachment whose file is lost', () => {
  const networks = ['leased', 'other'].map(name => readNetwork(network(name, { ipam: { type: 'host-local' } })));
  let calls: string[];

  function contextWith(del: (call: DelegateCall) => Promise<void>): CniContext {
    return {
      logger: pino({ enabled: false }),
      node: 'node',
      synced: Promise.resolve(),
      view: {
        host: () => ({ spec: { interfaces: [{ interfaceName: 'eth1' }, { interfaceName: 'eth2' }] } }),
        networkNames: () => networks.map(({ name }) => name),
        network: (name: string) => ({ state: { network: networks.find(one => one.name === name) } }),
      },
      delegates: {
        del: ({ conf }: { conf: { name: string } }, one: DelegateCall, { hasHung }: { hasHung: boolean }) => {
          calls.push(`${conf.name} ${one.ifname}${hasHung ? ' impatiently' : ''}`);
          return del(one);
        },
      },
    } as unknown as CniContext;
  }

  beforeEach(() => {
    calls = [];
  });

  it('are those of the network that the call is for, once for each NIC; one that hangs is waited for once', async () => {
    const context = contextWith(() => Promise.reject(new PluginHung(cniCodes.tryAgainLater, 'hung', '')));
    const found = await LostDelegates.find(context, call, configOf({ plugin: {} }), lost);
    const failure: unknown = await found.releaseAddresses().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(PluginHung);
    expect(calls).to.deep.equal(['leased net1-0', 'leased net1-1 impatiently']);
  });

  it('are perhaps those of any network where its file does not name it: one that fails then keeps no pod from ending', async () => {
    const context = contextWith(() => Promise.reject(new Error('it is not installed')));
    const found = await LostDelegates.find(context, call, configOf({ mode: 'chained' }), lost);
    await found.releaseAddresses();
    expect(calls).to.deep.equal(['leased net1-0', 'leased net1-1', 'other net1-0', 'other net1-1']);
  });
});
