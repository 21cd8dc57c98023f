import { expect } from 'chai';
import { parseCidr } from '../../core/net/cidr.ts';
import type { CheckpointEntry, CheckpointLink } from '../checkpoint/entry.ts';
import type { AddressInfo, LinkInfo } from '../netlink/netlink.ts';
import { foundOf } from './found.ts';

const made: CheckpointLink[] = [
  { name: 'net1-0', addresses: ['10.200.0.1/18'], routes: [] },
  { name: 'net1-1', addresses: ['10.200.64.1/18', 'fd00::1/64'], routes: [] },
];
const space = {
  ranges: ['10.200.0.0/16', 'fd00::/48'].map(parseCidr),
  excludes: ['10.200.0.240/28', 'fd00::f0/124'].map(parseCidr),
};

/** What is found where links have these addresses, in the place of those that they were made with. */
function find(there: Record<string, string[]>, links = made, permanent = true): [boolean, string[][]] {
  const names = Object.keys(there);
  const addresses = names.flatMap((name, dev) =>
    there[name]!.map(address => ({ dev, address, permanent }) as unknown as AddressInfo),
  );
  const dump = { links: names.map((name, index) => ({ name, index }) as unknown as LinkInfo), addresses };
  const found = foundOf({ network: 'train', links } as unknown as CheckpointEntry, dump, space);
  return [found.isAsMade, found.interfaces.map(({ ips }) => ips)];
}

const [first, second] = [['10.200.0.1'], ['10.200.64.1', 'fd00::1']];

describe('what an agent finds in a pod', () => {
  const full = { eth0: ['10.244.0.7/24'], 'net1-0': ['10.200.0.1/18'], 'net1-1': ['10.200.64.1/18', 'fd00::1/64'] };

  it('is as it was made: with other prefix lengths, other addresses, those that routers advertise', () => {
    expect(find(full)).to.deep.equal([true, [first, second]]);
    const others = ['192.168.0.1/24', 'fe80::1/64'];
    const odd = { ...full, 'net1-0': ['10.200.0.1/32', ...others] };
    expect(find(odd)).to.deep.equal([true, [first, second]]);
    expect(find({ ...full, 'net1-1': [...full['net1-1'], 'fd00::99/64'] }, made, false)[0]).to.equal(true);
  });

  it('is as it was made where a virtual machine has taken the address to another link', () => {
    expect(find({ ...full, 'net1-0': [], k6t: ['10.200.0.1/18'] })).to.deep.equal([true, [first, second]]);
  });

  it('lacks what was taken away, with or without the interface', () => {
    expect(find({ ...full, 'net1-0': [] })).to.deep.equal([false, [[], second]]);
    expect(find({ eth0: full.eth0, 'net1-0': full['net1-0'] })).to.deep.equal([false, [first, []]]);
  });

  it('has what was added, if the network may give it to another pod', () => {
    expect(find({ ...full, 'net1-0': ['10.200.0.1/18', '10.200.0.9/18'] })).to.deep.equal([
      false,
      [[...first, '10.200.0.9'], second],
    ]);
  });

  it('has not all of thousands that were added, which no annotation could hold', () => {
    const added = Array.from({ length: 5000 }, (_, i) => `10.200.${i >> 8}.${i & 255}/32`);
    const [isAsMade, [ips = []]] = find({ ...full, 'net1-0': added });
    expect(isAsMade).to.equal(false);
    expect(ips)
      .to.have.length(51)
      .and.include.members([...first, '10.200.0.2']);
  });

  it('is as it was made where the pod has added an address of excludeCIDRs, which the network gives to nobody', () => {
    const virtual = { ...full, 'net1-1': [...full['net1-1'], '10.200.0.250/32', 'fd00::ff/128'] };
    expect(find(virtual)).to.deep.equal([true, [first, second]]);
  });

  it('is as it was made where a device that another plugin moved there has no link any more', () => {
    const moved = made.map(link => ({ ...link, delegate: { role: 'plugin' } }) as unknown as CheckpointLink);
    expect(find({ eth0: [] }, moved)).to.deep.equal([true, [first, second]]);
  });
});
