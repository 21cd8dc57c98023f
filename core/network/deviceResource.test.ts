import { expect } from 'chai';
import fc from 'fast-check';
import type { PluginSpec } from '../api/types.ts';
import { deviceResources, devicesWanted, usesDevicePlugin } from './deviceResource.ts';

const plugin = (type: string, args?: Record<string, string>): PluginSpec => ({
  cniVersion: '1.0.0',
  type,
  ...(args && { args }),
});

describe('the resources of a network’s devices', () => {
  for (const [what, spec, resources] of [
    ['of sriov: named as the network', plugin('sriov'), ['openshift.io/rdmavf2']],
    ['of sriov: one that exists, with the prefix', plugin('sriov', { resourceName: 'own' }), ['openshift.io/own']],
    ['of sriov: one that exists, with its own', plugin('sriov', { resourceName: 'a.b/own' }), ['a.b/own']],
    ['of mellanox: as the status lists them', plugin('mellanox'), ['a/1', 'a/2']],
    ['of host-device: one that exists', plugin('host-device', { resourceName: 'a.b/own' }), ['a.b/own']],
    ['of host-device without one: none', plugin('host-device'), []],
    ['of an empty name: none', plugin('host-device', { resourceName: '' }), []],
    ['of any other plugin: one that exists', plugin('ib-sriov', { resourceName: 'own' }), ['openshift.io/own']],
    ['of any other plugin without one: none', plugin('ib-sriov'), []],
    ...['ipvlan', 'macvlan', 'ptp', 'aws-ipvlan'].map(
      type => [`of ${type}: none`, plugin(type, { resourceName: 'a.b/own' }), []] as const,
    ),
  ] as const) {
    it(what, () => {
      expect(deviceResources('rdma-vf.2', spec, ['a/1', 'a/2'])).to.deep.equal(resources);
      expect(usesDevicePlugin(spec)).to.equal(resources.length > 0);
    });
  }
});

describe('devicesWanted', () => {
  it('is as many devices as NICs, evenly of each resource, more of the former ones', () => {
    const anyResources = fc.array(fc.nat(), { minLength: 1, maxLength: 5 }).map(list => list.map((_, i) => `a/${i}`));
    fc.assert(
      fc.property(anyResources, fc.integer({ min: 1, max: 20 }), (resources, nics) => {
        const wanted = resources.map(resource => devicesWanted(resources, nics).get(resource) ?? 0);
        expect(wanted.reduce((sum, count) => sum + count, 0)).to.equal(nics);
        expect(wanted.toSorted((a, b) => b - a)).to.deep.equal(wanted);
        expect(Math.max(...wanted) - Math.min(...wanted)).to.be.at.most(1);
      }),
    );
  });

  it('is one of each where the pod does not say, and nothing of none', () => {
    expect([...devicesWanted(['a', 'b'], undefined)]).to.deep.equal([
      ['a', 1],
      ['b', 1],
    ]);
    expect([...devicesWanted([], undefined), ...devicesWanted([], 3)]).to.deep.equal([]);
  });
});
