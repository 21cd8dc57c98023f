import { expect } from 'chai';
import fc from 'fast-check';
import { bitsOf } from '../net/address.ts';
import { covers, formatCidr, overlap, parseCidr, sizeOf } from '../net/cidr.ts';
import { capacityOf, isUsable, type Layout, podCidr, usableCount, vlanCidr } from './layout.ts';

function layout(subnet: string, interfaceBits: number, hostBits: number, excludes: string[] = []): Layout {
  return { subnet: parseCidr(subnet), interfaceBits, hostBits, excludes: excludes.map(parseCidr) };
}

/** Layouts of both families that leave at least two bits for pods. */
const anyLayout = fc
  .tuple(fc.constantFrom<4 | 6>(4, 6), fc.nat(), fc.nat(12), fc.nat(14), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }))
  .map(([family, p, interfaceBits, hostBits, value]): Layout => {
    const bits = bitsOf(family);
    const prefix = p % (bits - interfaceBits - hostBits - 1);
    const base = ((value % (1n << BigInt(bits))) >> BigInt(bits - prefix)) << BigInt(bits - prefix);
    return { subnet: { family, base, prefix }, interfaceBits, hostBits, excludes: [] };
  });

describe('address layout', () => {
  describe('worked example: 10.200.0.0/16, 3 interface bits, 7 host bits', () => {
    const example = layout('10.200.0.0/16', 3, 7);
    it('gives interface 0 the range 10.200.0.0/19', () => {
      expect(formatCidr(vlanCidr(example, 0)!)).to.equal('10.200.0.0/19');
    });
    for (const [iface, host, block] of [
      [0, 0, '10.200.0.0/26'],
      [0, 1, '10.200.0.64/26'],
      [1, 0, '10.200.32.0/26'],
      [5, 100, '10.200.185.0/26'],
      [7, 127, '10.200.255.192/26'],
    ] as const) {
      it(`gives interface ${iface} on host ${host} the block ${block}`, () => {
        expect(formatCidr(podCidr(example, iface, host)!)).to.equal(block);
      });
    }
  });

  it('gives the documented /24 blocks in 192.168.0.0/16 with 2 and 6 bits', () => {
    const example = layout('192.168.0.0/16', 2, 6);
    const blocks = [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ].map(([i, h]) => formatCidr(podCidr(example, i!, h!)!));
    expect(blocks).to.deep.equal(['192.168.0.0/24', '192.168.64.0/24', '192.168.1.0/24', '192.168.65.0/24']);
  });

  it('sizes a /16 with 2 interface bits as documented', () => {
    const sizes = [6, 8, 9, 10].map(h => ({
      hosts: 2 ** h,
      size: sizeOf(podCidr(layout('10.0.0.0/16', 2, h), 0, 0)!),
    }));
    expect(sizes).to.deep.equal([
      { hosts: 64, size: 256n },
      { hosts: 256, size: 64n },
      { hosts: 512, size: 32n },
      { hosts: 1024, size: 16n },
    ]);
  });

  it('works the same for IPv6', () => {
    expect(formatCidr(podCidr(layout('fd00:10::/48', 4, 12), 3, 0x123)!)).to.equal('fd00:10:0:3123::/64');
  });

  it('keeps every block inside its interface range and the subnet, and no two overlap', () => {
    fc.assert(
      fc.property(anyLayout, fc.nat(), fc.nat(), fc.nat(), fc.nat(), (l, i1, h1, i2, h2) => {
        const [ia, ib] = [i1 % 2 ** l.interfaceBits, i2 % 2 ** l.interfaceBits];
        const [ha, hb] = [h1 % 2 ** l.hostBits, h2 % 2 ** l.hostBits];
        const a = podCidr(l, ia, ha)!;
        const b = podCidr(l, ib, hb)!;
        expect(covers(vlanCidr(l, ia)!, a)).to.equal(true);
        expect(covers(l.subnet, a)).to.equal(true);
        expect(overlap(a, b)).to.equal(ia === ib && ha === hb);
      }),
      { numRuns: 2000 },
    );
  });

  it('has no block for an index that does not fit', () => {
    const small = layout('10.0.0.0/16', 1, 2);
    expect(podCidr(small, 2, 0)).to.equal(undefined);
    expect(podCidr(small, 0, 4)).to.equal(undefined);
    expect(podCidr(small, -1, 0)).to.equal(undefined);
  });

  it('tells its capacity', () => {
    expect(capacityOf(layout('10.0.0.0/16', 2, 10))).to.deep.equal({
      interfaces: 4n,
      hosts: 1024n,
      addressesPerBlock: 14n,
      podBits: 4,
    });
    expect(capacityOf(layout('10.0.0.0/16', 10, 10)).podBits).to.equal(-4);
  });
});

describe('usable addresses', () => {
  const smallCidr = fc
    .tuple(fc.constantFrom('10.0.0.0', 'fd00::'), fc.integer({ min: 0, max: 6 }))
    .map(([base, bits]) => parseCidr(`${base}/${(base.includes(':') ? 128 : 32) - bits}`));
  const part = fc.tuple(fc.nat(63), fc.integer({ min: 0, max: 6 }));

  it('are counted as they are given out, for any excludes', () => {
    fc.assert(
      fc.property(smallCidr, fc.array(part, { maxLength: 4 }), (block, parts) => {
        const excludes = parts.map(([offset, bits]) => {
          const value = ((block.base + BigInt(offset)) >> BigInt(bits)) << BigInt(bits);
          return { family: block.family, base: value, prefix: bitsOf(block.family) - bits };
        });
        let counted = 0n;
        for (let i = 0n; i < sizeOf(block); i++) {
          if (isUsable(block, excludes, { family: block.family, value: block.base + i })) counted++;
        }
        expect(usableCount(block, excludes)).to.equal(counted);
      }),
      { numRuns: 1000 },
    );
  });
});
