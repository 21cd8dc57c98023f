import { expect } from 'chai';
import fc from 'fast-check';
import { formatAddress, type IpAddress, parseAddress } from './address.ts';
import { AddressIndex } from './addressIndex.ts';
import { cidrOf, contains, parseCidr } from './cidr.ts';

/** Few enough to meet, in both families, over some buckets. */
const address: fc.Arbitrary<IpAddress> = fc
  .record({ family: fc.constantFrom(4 as const, 6 as const), low: fc.integer({ min: 0, max: 1023 }) })
  .map(({ family, low }) => ({ family, value: (family === 4 ? 0x0a000000n : 0xfd00n << 112n) + BigInt(low) }));

describe('AddressIndex', () => {
  it('finds in a range what looking at each address would', () => {
    const change = fc.record({ address, isAdded: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change), address, fc.integer({ min: 0, max: 32 }), (changes, around, prefix) => {
        const index = new AddressIndex();
        const list: IpAddress[] = [];
        for (const { address: one, isAdded } of changes) {
          const at = list.findIndex(({ family, value }) => family === one.family && value === one.value);
          if (isAdded) list.push(one);
          else if (at >= 0) list.splice(at, 1);
          if (isAdded) index.add(one);
          else index.remove(one);
        }
        const cidr = cidrOf(around, around.family === 4 ? prefix : 96 + prefix);
        const wanted = new Set(list.filter(one => contains(cidr, one)).map(formatAddress));
        expect([...index.within(cidr)].map(formatAddress)).to.have.members([...wanted]);
      }),
    );
  });

  it('keeps an address that two have until both are gone', () => {
    const index = new AddressIndex();
    const shared = parseAddress('10.0.0.1');
    index.add(shared);
    index.add(shared);
    index.remove(shared);
    expect([...index.within(parseCidr('10.0.0.0/24'))]).to.deep.equal([shared]);
    index.remove(shared);
    expect([...index.within(parseCidr('0.0.0.0/0'))]).to.deep.equal([]);
  });
});
