import { expect } from 'chai';
import { pino } from 'pino';
import { annotation } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { PluginHung } from '../delegate/pluginError.ts';
import { CniCalls } from './calls.ts';
import type { CniContext } from './context.ts';

describe('ADD of several networks in one call', () => {
  const pod = {
    metadata: { namespace: 'ns', name: 'pod', annotations: { [annotation.networks]: 'a,b,c' } },
  } as unknown as Pod;

  it('takes away what it made of the others, and undoes no second time what failed: a plugin that hangs takes its time', async () => {
    const [entries, removed]: [CheckpointEntry[], string[]] = [[], []];
    const attach = ({ ifname }: { ifname: string }): Promise<unknown> => {
      // What hangs cannot be undone, and its entry is left.
      entries.push({ ifname } as CheckpointEntry);
      if (ifname === 'net2') return Promise.reject(new PluginHung(11, 'plugin b, ADD: it was ended', ''));
      return Promise.resolve({ interfaces: [], ips: [], routes: [], dns: {} });
    };
    const detach = ({ ifname }: CheckpointEntry): Promise<void> => {
      removed.push(ifname);
      return Promise.resolve();
    };
    const calls = new CniCalls({
      ...{ logger: pino({ level: 'silent' }), synced: Promise.resolve(), onStep: () => undefined },
      adds: { run: (_ref: unknown, _uid: unknown, _signal: unknown, work: (pod: Pod) => unknown) => work(pod) },
      view: { exists: () => true },
      decider: { decide: (wanted: unknown) => Promise.resolve(wanted) },
      checkpoint: { ofCall: () => [...entries] },
      attacher: { attach, detach },
    } as unknown as CniContext);
    const env = {
      ...{ CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c', CNI_NETNS: '/proc/self/ns/net', CNI_NETNS_OVERRIDE: '1' },
      ...{ CNI_IFNAME: 'eth0', CNI_ARGS: 'K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod' },
    };
    const stdin = JSON.stringify({
      cniVersion: '1.0.0',
      name: 'primary',
      type: 'multi-nic',
      prevResult: { cniVersion: '1.0.0' },
    });
    const { stdout } = await calls.answer({ version: 1, env, stdin });
    expect(JSON.parse(stdout)).to.include({ code: 11, msg: 'plugin b, ADD: it was ended' });
    expect(removed).to.deep.equal(['net1']);
  });
});
