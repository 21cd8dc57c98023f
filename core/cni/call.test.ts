import { expect } from 'chai';
import { readCall } from './call.ts';
import { CniError } from './error.ts';
import type { CniEnvironment } from './wire.ts';

const add: CniEnvironment = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c0ffee',
  CNI_NETNS: '/run/netns/x',
  CNI_IFNAME: 'net1',
  CNI_PATH: '/opt/cni/bin',
  CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=team;K8S_POD_NAME=w-0;K8S_POD_UID=',
};

function refusal(env: CniEnvironment): string {
  try {
    readCall(env);
  } catch (error) {
    if (error instanceof CniError && error.code === 4) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('readCall', () => {
  it('reads what a runtime passes', () => {
    expect(readCall(add)).to.deep.equal({
      command: 'ADD',
      containerId: 'c0ffee',
      netns: '/run/netns/x',
      ifname: 'net1',
      args: { IgnoreUnknown: '1', K8S_POD_NAMESPACE: 'team', K8S_POD_NAME: 'w-0', K8S_POD_UID: '' },
      path: '/opt/cni/bin',
      allowHostNetns: false,
    });
  });

  it('needs what each verb needs, and names what is missing', () => {
    for (const command of ['ADD', 'CHECK']) {
      expect(refusal({ CNI_COMMAND: command })).to.equal(`${command} needs CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME`);
      expect(refusal({ ...add, CNI_COMMAND: command, CNI_NETNS: '' })).to.equal(`${command} needs CNI_NETNS`);
    }
    expect(readCall({ ...add, CNI_COMMAND: 'DEL', CNI_NETNS: '' }).netns).to.equal('');
    for (const command of ['GC', 'STATUS', 'VERSION'])
      expect(readCall({ CNI_COMMAND: command }).command).to.equal(command);
  });

  it('refuses unknown verbs, container ids and interface names', () => {
    for (const command of ['', 'add', 'toString'])
      expect(refusal({ ...add, CNI_COMMAND: command })).to.contain('CNI_COMMAND');
    for (const id of ['-a', '../a', 'a b', 'a/b', 'ä']) {
      expect(refusal({ ...add, CNI_CONTAINERID: id })).to.contain('CNI_CONTAINERID');
    }
    for (const name of ['.', '..', 'a/b', 'a:b', 'a b', 'sixteen-letters-']) {
      expect(refusal({ ...add, CNI_IFNAME: name })).to.contain('CNI_IFNAME');
    }
  });

  it("takes the host's own namespace only where the caller says so as libcni reads it", () => {
    for (const yes of ['1', 'true', 'TRUE'])
      expect(readCall({ ...add, CNI_NETNS_OVERRIDE: yes }).allowHostNetns).to.equal(true);
    for (const no of ['', '0', 'false', 'yes'])
      expect(readCall({ ...add, CNI_NETNS_OVERRIDE: no }).allowHostNetns).to.equal(false);
  });

  it('refuses CNI_ARGS that are not pairs, but not where something ends', () => {
    expect(refusal({ ...add, CNI_ARGS: 'A=1;B' })).to.contain('"B"');
    for (const CNI_COMMAND of ['DEL', 'GC', 'STATUS']) {
      expect(readCall({ ...add, CNI_COMMAND, CNI_ARGS: 'A=1;B;=' }).args, CNI_COMMAND).to.deep.equal({ A: '1' });
    }
    expect(readCall({ ...add, CNI_ARGS: 'A=1=2;A=3;' }).args).to.deep.equal({ A: '3' });
  });
});
