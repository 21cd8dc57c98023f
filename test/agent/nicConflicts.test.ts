import { expect } from 'chai';
import { hostInterfaces } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { suiteNeedsKinds } from '../netlink/support.ts';
import { testTimeoutMs } from './inside.ts';
import { nameOf, type NetworkCase, networkSpec } from './networks.ts';
import { errorOf, linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

const nics = 2;
const macvlan: NetworkCase = { type: 'macvlan', mode: 'bridge', vlanMode: 'l2' };
const passthru: NetworkCase = { type: 'macvlan', mode: 'passthru', vlanMode: 'l2' };
const l2: NetworkCase = { type: 'ipvlan', mode: 'l2', vlanMode: 'l2' };
const l3: NetworkCase = { type: 'ipvlan', mode: 'l3', vlanMode: 'l3' };

describe('agent: networks that cannot share a NIC', function () {
  this.timeout(testTimeoutMs);
  let site: Site;

  before(async function () {
    site = await Site.start({ hosts: 1, nics });
    for (const [i, network] of [macvlan, passthru, l2, l3].entries()) {
      await site.addNetwork(nameOf(network), networkSpec(network, 230 + i));
    }
    const jumbo = networkSpec(macvlan, 234);
    await site.addNetwork('jumbo', { ...jumbo, plugin: { ...jumbo.plugin, args: { mtu: '9000' } } });
  });
  after(() => site[Symbol.asyncDispose]());

  const host = (): Site['hosts'][0] => site.hosts[0]!;
  const config = (network: NetworkCase): Promise<object> => multusConfig(site, nameOf(network), { cniArgs: { nics } });

  /** ADD for the sandbox is refused with these words; nothing is left of it. */
  async function refused(sandbox: Sandbox, network: NetworkCase, ...words: string[]): Promise<void> {
    const hostLinks = linkNames(sandbox.host.namespace);
    const error = errorOf(await sandbox.call('ADD', await config(network)));
    expect(error.code, error.msg).to.equal(101);
    for (const text of [`network ${nameOf(network)}`, ...words])
      expect(`${error.msg} ${error.details}`).to.contain(text);
    expect(sandbox.links()).to.deep.equal([]);
    expect(linkNames(sandbox.host.namespace)).to.deep.equal(hostLinks);
    await sandbox.del(await config(network));
  }

  /** Whether the second can be attached where the first is, and once the first is gone. */
  async function excludes(first: NetworkCase, second: NetworkCase, ...words: string[]): Promise<void> {
    const id = `${nameOf(first)}-${nameOf(second)}`;
    using one = await Sandbox.make(site, host(), `${id}-one`);
    using other = await Sandbox.make(site, host(), `${id}-other`);
    const result = await one.add(await config(first));
    await refused(other, second, 'MNN_NIC_CONFLICT', `network ${nameOf(first)} (pod default/${id}-one)`, ...words);
    expect(await one.check(await config(first), result)).to.include({ exitCode: 0, stdout: '' });
    await one.del(await config(first));
    await other.add(await config(second));
    await other.del(await config(second));
  }

  it('macvlan passthru is alone on a NIC', async () => {
    await excludes(macvlan, passthru, 'macvlan passthru on eth1, which has macvlan bridge', 'takes the whole NIC');
    await excludes(passthru, macvlan, 'macvlan bridge on eth1, which has macvlan passthru');
  });

  it('a hardware address that another link on the NIC has, or that no link can have, is refused', async () => {
    const network = nameOf(macvlan);
    const asking = (mac: string): Promise<object> =>
      multusConfig(site, network, { cniArgs: { nics: 1 }, runtimeConfig: { mac } });
    using one = await Sandbox.make(site, host(), 'mac-one');
    using other = await Sandbox.make(site, host(), 'mac-other');
    const taken = await asking('02:00:00:00:00:77');
    await one.add(taken);
    for (const [config, code, row] of [
      [taken, 100, 'MNN_ADDRESS_TAKEN'],
      [await asking('01:00:5e:00:00:01'), 7, 'MNN_CNI_CONFIG'],
    ] as const) {
      const error = errorOf(await other.call('ADD', config));
      expect([error.code, error.details.split(':')[0]], error.msg).to.deep.equal([code, row]);
      expect(other.links()).to.deep.equal([]);
    }
    await one.del(taken);
    await other.add(taken);
  });

  it('an MTU that is more than the NIC carries is refused, and the NIC is named', async () => {
    using sandbox = await Sandbox.make(site, host(), 'jumbo');
    const config = await multusConfig(site, 'jumbo');
    host().namespace.ip('link', 'set', 'eth1', 'mtu', '9000');
    const { code, msg, details } = errorOf(await sandbox.call('ADD', config));
    expect([code, msg]).to.deep.equal([
      101,
      'network jumbo: plugin.args.mtu is 9000, but eth2 of this node carries 1500',
    ]);
    expect(details).to.contain('MNN_PLUGIN_INVALID');
    host().namespace.ip('link', 'set', 'eth2', 'mtu', '9000');
    await sandbox.add(config);
    expect(sandbox.namespace.ip('link', 'show', 'net1-1')).to.contain('mtu 9000');
    await sandbox.del(config);
    for (const nic of ['eth1', 'eth2']) host().namespace.ip('link', 'set', nic, 'mtu', '1500');
  });

  it('a NIC that somebody else has taken is named, and what was made on the others is rolled back', async () => {
    host().namespace.ip('link', 'add', 'foreign', 'link', 'eth2', 'type', 'macvlan', 'mode', 'passthru');
    using sandbox = await Sandbox.make(site, host(), 'rolled-back');
    await refused(sandbox, macvlan, 'MNN_ATTACH_FAILED', 'link.add net1-1');
    host().namespace.ip('link', 'del', 'foreign');
  });

  describe('ipvlan', () => {
    before(function () {
      suiteNeedsKinds(this, 'ipvlan');
    });

    it('is in one mode on a NIC', async () => {
      await excludes(l2, l3, 'wants ipvlan l3 on eth1, which has ipvlan l2', 'one mode only');
    });

    it('is so also when the NIC has got another name meanwhile, and another NIC has its name', async () => {
      const { namespace } = host();
      const rename = (from: string, to: string): void => {
        namespace.batch([`link set ${from} down`, `link set ${from} name ${to}`, `link set ${to} up`]);
      };
      const one = (network: NetworkCase): Promise<object> =>
        multusConfig(site, nameOf(network), { cniArgs: { nics: 1 } });
      using sandbox = await Sandbox.make(site, host(), 'renamed');
      const result = await sandbox.add(await one(l2));
      rename('eth1', 'was1');
      rename('eth2', 'eth1');
      rename('was1', 'eth2');
      const isKnown = async (): Promise<boolean> => {
        const { spec } = await site.client.get(hostInterfaces, { name: host().nodeName });
        return spec.interfaces.map(({ hostIP }) => hostIP).join() === '172.20.2.11,172.20.1.11';
      };
      await eventually('the new names', isKnown);
      using other = await Sandbox.make(site, host(), 'afterwards');
      await refused(other, l3, 'MNN_NIC_CONFLICT', 'wants ipvlan l3 on eth2, which has ipvlan l2');
      expect(await sandbox.check(await one(l2), result)).to.include({ exitCode: 0, stdout: '' });
      await sandbox.del(await one(l2));
      rename('eth2', 'was1');
      rename('eth1', 'eth2');
      rename('was1', 'eth1');
      await eventually('the old names', async () => !(await isKnown()));
    });

    it('and macvlan exclude each other', async () => {
      await excludes(l3, macvlan, 'wants macvlan bridge on eth1, which has ipvlan l3', 'either ipvlan or macvlan');
      await excludes(macvlan, l2, 'wants ipvlan l2 on eth1, which has macvlan bridge');
    });

    it('of two modes at the same time: at most one is attached', async () => {
      using one = await Sandbox.make(site, host(), 'race-one');
      using other = await Sandbox.make(site, host(), 'race-other');
      const configs = await Promise.all([config(l2), config(l3)]);
      const endings = await Promise.all([one.call('ADD', configs[0]), other.call('ADD', configs[1])]);
      expect(endings.filter(({ exitCode }) => exitCode === 0).length, JSON.stringify(endings)).to.equal(1);
      await one.del(configs[0]);
      await other.del(configs[1]);
    });

    it('of a pod that went without a DEL keeps no one away', async () => {
      const gone = await Sandbox.make(site, host(), 'gone');
      await gone.add(await config(l2));
      gone[Symbol.dispose]();
      using next = await Sandbox.make(site, host(), 'next');
      await next.add(await config(l3));
      await next.del(await config(l3));
      await gone.del(await config(l2));
    });

    it('beside a macvlan that somebody else made is rolled back, and the NIC is named', async () => {
      host().namespace.ip('link', 'add', 'foreign', 'link', 'eth2', 'type', 'macvlan', 'mode', 'bridge');
      using sandbox = await Sandbox.make(site, host(), 'foreign');
      await refused(sandbox, l2, 'MNN_NIC_CONFLICT', 'on eth2', 'EBUSY');
      host().namespace.ip('link', 'del', 'foreign');
    });

    it('CHECK tells that somebody else changed its mode', async () => {
      using sandbox = await Sandbox.make(site, host(), 'changed');
      const result = await sandbox.add(await config(l2));
      host().namespace.ip('link', 'add', 'foreign', 'link', 'eth2', 'type', 'ipvlan', 'mode', 'l3');
      const error = errorOf(await sandbox.check(await config(l2), result));
      expect(error.msg).to.equal('interface net1-1 is ipvlan l3, not ipvlan l2');
      host().namespace.ip('link', 'del', 'foreign');
      await sandbox.del(await config(l2));
    });
  });
});
