import { isIPv4 } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { compareAddresses, formatAddress, parseAddress, tryParseAddress } from './address.ts';
import {
  cidrOf,
  compareCidrs,
  contains,
  covers,
  formatCidr,
  lastOf,
  overlap,
  parseCidr,
  sizeOf,
  tryParseCidr,
} from './cidr.ts';
import { readMac } from './mac.ts';

const v4 = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map(value => ({ family: 4 as const, value }));
const v6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(value => ({ family: 6 as const, value }));
const address = fc.oneof(v4, v6);
const cidr = fc.tuple(address, fc.nat(128)).map(([a, p]) => cidrOf(a, Math.min(p, a.family === 4 ? 32 : 128)));

describe('hardware addresses', () => {
  it('are read in the forms that Go knows, and written in one', () => {
    for (const text of ['02:00:5E:00:00:2a', '02-00-5e-00-00-2A', '0200.5E00.002a']) {
      expect(readMac(text), text).to.equal('02:00:5e:00:00:2a');
    }
    for (const text of [
      '',
      '02:00',
      '02:00:5e:00:00:2a:00:00',
      '02-00:5e:00:00:2a',
      '02005e00002a',
      '02:00:5e:00:00:2g',
      '00:00:00:00:00:00',
      '01:00:5e:00:00:2a',
      'ff-ff-ff-ff-ff-ff',
    ]) {
      expect(readMac(text), text).to.equal(undefined);
    }
  });
});

describe('addresses', () => {
  it('read what they write', () => {
    fc.assert(fc.property(address, a => void expect(parseAddress(formatAddress(a))).to.deep.equal(a)));
  });

  it('are written in the usual form', () => {
    expect(formatAddress(parseAddress('fd00:0:0:0:0:0:0:1'))).to.equal('fd00::1');
    expect(formatAddress(parseAddress('10.0.0.1'))).to.equal('10.0.0.1');
  });

  for (const text of [
    '',
    '1',
    '127.1',
    '0x7f.0.0.1',
    '010.0.0.1',
    '10.0.0.256',
    '10.0.0.1 ',
    'fe80::1%eth0',
    '::g',
    '1.2.3.4/8',
  ]) {
    it(`refuse ${JSON.stringify(text)}`, () => {
      expect(tryParseAddress(text)).to.equal(undefined);
      expect(() => parseAddress(text)).to.throw(/MNN_ADDRESS_INVALID/);
    });
  }

  it('in dotted decimal are what the runtime takes for IPv4', () => {
    const part = fc.oneof(fc.nat(300).map(String), fc.constantFrom('', '00', '01', '256', '-1', ' 1', '1e1'));
    const text = fc.array(part, { minLength: 3, maxLength: 5 }).map(parts => parts.join('.'));
    fc.assert(fc.property(text, t => void expect(tryParseAddress(t) !== undefined).to.equal(isIPv4(t))));
  });

  it('are ordered by family, then value', () => {
    const sorted = ['::1', '10.0.0.2', '9.0.0.1'].map(parseAddress).sort(compareAddresses).map(formatAddress);
    expect(sorted).to.deep.equal(['9.0.0.1', '10.0.0.2', '::1']);
  });
});

describe('networks', () => {
  it('read what they write', () => {
    fc.assert(fc.property(cidr, c => void expect(parseCidr(formatCidr(c))).to.deep.equal(c)));
  });

  it('clear the bits after the prefix', () => {
    expect(formatCidr(parseCidr('10.1.2.3/16'))).to.equal('10.1.0.0/16');
    expect(formatCidr(parseCidr('fd00::1234/64'))).to.equal('fd00::/64');
  });

  for (const text of ['10.0.0.0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/-1', '/8', '10.0.0.0/8/8', '10.0.0.0/']) {
    it(`refuse ${JSON.stringify(text)}`, () => {
      expect(tryParseCidr(text)).to.equal(undefined);
      expect(() => parseCidr(text)).to.throw(/MNN_CIDR_INVALID/);
    });
  }

  it('are nested or apart', () => {
    fc.assert(fc.property(cidr, cidr, (a, b) => void expect(overlap(a, b)).to.equal(covers(a, b) || covers(b, a))));
  });

  it('hold their first and last address and no neighbour', () => {
    fc.assert(
      fc.property(cidr, c => {
        expect(contains(c, { family: c.family, value: c.base })).to.equal(true);
        expect(contains(c, { family: c.family, value: lastOf(c) })).to.equal(true);
        expect(contains(c, { family: c.family, value: lastOf(c) + 1n })).to.equal(false);
        expect(lastOf(c) - c.base + 1n).to.equal(sizeOf(c));
      }),
    );
  });

  it('are ordered by first address, the wider first', () => {
    const sorted = ['10.2.0.0/16', '10.0.0.0/16', '10.0.0.0/8'].map(parseCidr).sort(compareCidrs).map(formatCidr);
    expect(sorted).to.deep.equal(['10.0.0.0/8', '10.0.0.0/16', '10.2.0.0/16']);
  });
});
