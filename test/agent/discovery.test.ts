import { expect } from 'chai';
import type { HostNic } from '../../core/api/types.ts';
import { hostInterfaces } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { suiteNeedsKinds } from '../netlink/support.ts';
import { testTimeoutMs } from './inside.ts';
import { Site } from './site.ts';

describe('agent: VLANs, bonds, VRFs and dummies of a host', function () {
  this.timeout(testTimeoutMs);
  let site: Site | undefined;

  before(async function () {
    suiteNeedsKinds(this, 'bond', 'vlan', 'vrf', 'dummy');
    site = await Site.start({ hosts: 1, nics: 3 });
  });
  after(() => site?.[Symbol.asyncDispose]());

  const nics = async (): Promise<readonly HostNic[]> =>
    (await site!.client.get(hostInterfaces, { name: 'host-1' })).spec.interfaces;
  const names = async (): Promise<string[]> => (await nics()).map(nic => nic.interfaceName);

  /** The host's NICs, by name, once the last of what was changed is seen: this NIC, which comes and goes after it. */
  async function settled(): Promise<string[]> {
    const { namespace } = site!.hosts[0]!;
    namespace.batch(['link add zlast type veth peer name zpeer', 'address add 10.96.0.1/24 dev zlast']);
    await eventually('the last change', async () => (await names()).includes('zlast'));
    const found = (await names()).filter(name => name !== 'zlast');
    namespace.ip('link', 'del', 'zlast');
    await eventually('it is gone again', async () => !(await names()).includes('zlast'));
    return found;
  }

  it('a VLAN is a NIC beside its parent, whatever the parent', async () => {
    site!.hosts[0]!.namespace.batch([
      'link add link eth1 name tenant up type vlan id 100',
      'address add 10.90.0.11/24 dev tenant',
      'link add link eth0 name primary.7 up type vlan id 7',
      'address add 10.91.0.11/24 dev primary.7',
    ]);
    expect(await settled()).to.deep.equal(['eth1', 'eth2', 'eth3', 'primary.7', 'tenant']);
    expect((await nics()).find(({ interfaceName }) => interfaceName === 'tenant')).to.include({
      netAddress: '10.90.0.0/24',
      hostIP: '10.90.0.11',
      linkState: 'up',
    });
    site!.hosts[0]!.namespace.batch(['link del tenant', 'link del primary.7']);
  });

  it('a bond is a NIC, its ports are none, even with addresses', async () => {
    const { namespace } = site!.hosts[0]!;
    namespace.batch([
      'link add bond7 type bond mode active-backup miimon 50',
      'link set eth2 down',
      'link set eth2 master bond7',
      'link set bond7 up',
      'address add 10.92.0.11/24 dev bond7',
      'link add link bond7 name bond7.9 up type vlan id 9',
      'address add 10.93.0.11/24 dev bond7.9',
    ]);
    expect(await settled()).to.deep.equal(['bond7', 'bond7.9', 'eth1', 'eth3']);
    namespace.batch(['link del bond7.9', 'link del bond7', 'link set eth2 up']);
    expect(await settled()).to.deep.equal(['eth1', 'eth2', 'eth3']);
  });

  it('a port of a VRF is a NIC, the VRF itself and a dummy are none, nor a port of a bridge', async () => {
    const { namespace } = site!.hosts[0]!;
    namespace.batch([
      'link add blue up type vrf table 42',
      'address add 10.94.0.1/32 dev blue',
      'link set eth3 master blue',
      'link add sink up type dummy',
      'address add 10.95.0.1/24 dev sink',
      'link add br7 up type bridge',
      'link set eth2 master br7',
      'address add 10.97.0.1/24 dev br7',
    ]);
    expect(await settled()).to.deep.equal(['eth1', 'eth3']);
    namespace.batch(['link del blue', 'link del sink', 'link del br7']);
    expect(await settled()).to.deep.equal(['eth1', 'eth2', 'eth3']);
  });
});
