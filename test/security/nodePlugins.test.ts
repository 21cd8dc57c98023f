/** As node.test.ts, for what other plugins are called with. Which devices an attachment gets: podDevices.test.ts */
import { expect } from 'chai';
import { chainedConfig, cniFixture, podArgs, primaryResult, selecting } from '../agent/cniCalls.ts';
import { addVirtualFunctions, assignDevices } from '../agent/devices.ts';
import { testTimeoutMs } from '../agent/inside.ts';
import { networkSpec } from '../agent/networks.ts';
import { linkNames, resultOf } from '../agent/sandbox.ts';
import { ScriptedPlugin } from '../agent/scriptedPlugin.ts';
import { heldAddresses, plain, refused } from './forged.ts';

const ptp = { type: 'ptp', vlanMode: 'l3' } as const;
const bridge = { cniVersion: '1.0.0', type: 'bridge', args: { bridge: 'br-forged' }, capabilities: { ips: true } };

describe('security: forged data for other plugins', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({
    bridged: { ...networkSpec(ptp, 211), plugin: bridge },
    virtual: { ...networkSpec(ptp, 212), plugin: { cniVersion: '1.0.0', type: 'sriov' } },
  });
  let hostLinks: string[];

  before(() => {
    addVirtualFunctions(test.host, { '0000:3b:01.0': 'eth1', '0000:3b:02.0': 'eth2' });
    hostLinks = linkNames(test.host.namespace);
  });

  // CNI plugins, written in Go, read keys in any case, and with U+017F for an s.
  for (const [i, key] of ['ips', 'IPs', 'ip\u017f'].entries()) {
    it(`plugins that are called in turn get the granted address, whatever cni-args say of ${JSON.stringify(key)}`, async () => {
      using sandbox = await test.make(`around-${i}`);
      const forged = ['10.211.31.1/19'];
      const config = await test.configOf('bridged', { cniArgs: { nics: 1, [key]: forged } });
      const result = await sandbox.add(config);
      expect(plain(result)).to.deep.equal(await heldAddresses(test.site, 'bridged', `around-${i}`));
      expect(sandbox.namespace.ip('address')).not.to.contain(forged[0]);
      await sandbox.del(config);
    });
  }

  it('plugins that are called in turn get the granted address, whatever CNI_ARGS say', async () => {
    using sandbox = await test.make('arguing');
    const config = await test.configOf('bridged', { cniArgs: { nics: 1 } });
    const call = {
      ...{ CNI_COMMAND: 'ADD', CNI_CONTAINERID: sandbox.containerId, CNI_IFNAME: 'net1', CNI_PATH: test.host.plugins },
      CNI_NETNS: sandbox.namespace.path,
      CNI_ARGS: `${podArgs('arguing', sandbox.pod.metadata.uid!)};IP=10.211.31.1/19;GATEWAY=10.211.31.2`,
    };
    const result = resultOf(await test.host.execute(call, JSON.stringify(config)));
    expect(plain(result)).to.deep.equal(await heldAddresses(test.site, 'bridged', 'arguing'));
    expect(sandbox.namespace.ip('address')).not.to.contain('10.211.31.1');
    await sandbox.del(config);
  });

  it('a device that the kubelet gave to another pod is refused', async () => {
    const plugin = new ScriptedPlugin(test.host.ownPlugins, 'sriov', {
      cniVersion: '1.0.0',
      interfaces: [{ name: 'any' }],
    });
    const taken = '0000:3b:02.0';
    using sandbox = await test.make('thief', selecting({ name: 'virtual', deviceID: taken }));
    assignDevices(test.host, sandbox.pod.metadata.uid!, { 'openshift.io/virtual': { '-1': ['0000:3b:01.0'] } });
    const config = await test.configOf('virtual', { cniArgs: { nics: 1 } });
    const chained = chainedConfig('1.0.0', primaryResult('1.0.0', sandbox.namespace.path));
    expect(await refused(sandbox, { ...config, deviceID: taken })).to.equal('MNN_DEVICE_MISSING');
    expect(await refused(sandbox, { ...config, runtimeConfig: { deviceID: taken } })).to.equal('MNN_DEVICE_MISSING');
    expect(await refused(sandbox, chained, { ifname: 'eth0' })).to.equal('MNN_DEVICE_MISSING');
    expect(plugin.calls).to.deep.equal([]);
  });

  it('a device of another network, which applies elsewhere, is refused, though the kubelet gave it to the pod', async () => {
    const plugin = new ScriptedPlugin(test.host.ownPlugins, 'sriov', {
      cniVersion: '1.0.0',
      interfaces: [{ name: 'any' }],
    });
    const deviceID = '0000:3b:02.0';
    using sandbox = await test.make('trespasser', selecting({ name: 'virtual', deviceID }));
    // Who may request one extended resource may request any.
    assignDevices(test.host, sandbox.pod.metadata.uid!, {
      'openshift.io/virtual': { '-1': ['0000:3b:01.0'] },
      'openshift.io/closed': { '-1': [deviceID] },
    });
    const config = await test.configOf('virtual', { cniArgs: { nics: 1 } });
    const chained = chainedConfig('1.0.0', primaryResult('1.0.0', sandbox.namespace.path));
    expect(await refused(sandbox, { ...config, deviceID })).to.equal('MNN_DEVICE_MISSING');
    expect(await refused(sandbox, { ...config, runtimeConfig: { deviceID } })).to.equal('MNN_DEVICE_MISSING');
    expect(await refused(sandbox, chained, { ifname: 'eth0' })).to.equal('MNN_DEVICE_MISSING');
    expect(plugin.calls).to.deep.equal([]);
  });

  it('nothing is left of it all', () => {
    expect(linkNames(test.host.namespace).filter(name => name !== 'br-forged')).to.deep.equal(hostLinks);
  });
});
