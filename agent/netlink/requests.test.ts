import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { parseAddressInfo } from './address.ts';
import { Writer } from './attributes.ts';
import { writeChange } from './changes.ts';
import { messageHeaderSize } from './codec.ts';
import type { Context } from './context.ts';
import { parseLink } from './link.ts';
import { parseRoute } from './route.ts';
import { parseRule } from './rule.ts';
import { formatAddress, formatMac, InvalidArgument, parseAddress, parseMac, parseNetwork } from './text.ts';
import type { ChangeOp, Route, Rule } from './types.ts';

/** Links and namespaces by number, as a real context finds them by name. */
const context: Context = {
  linkIndex: link => (typeof link === 'number' ? link : link.length),
  namespaceFd: path => path.length,
};

function request(op: ChangeOp): Buffer {
  const writer = new Writer();
  writeChange(writer, 1, op, context);
  return Buffer.from(writer.bytes());
}

function payload(op: ChangeOp): Buffer {
  return request(op).subarray(messageHeaderSize);
}

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(formatAddress);
const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatAddress);
const network = fc.oneof(
  fc.tuple(v4, fc.integer({ min: 1, max: 32 })).map(([address, prefix]) => `${address}/${prefix}`),
  fc.tuple(v6, fc.integer({ min: 1, max: 128 })).map(([address, prefix]) => `${address}/${prefix}`),
);
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(bytes => formatMac(Buffer.from(bytes)));
const index = fc.integer({ min: 1, max: 0x7fffffff });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const optional = { requiredKeys: [] };

/** The bytes that `ip -n … route add 10.9.0.0/16 via 10.1.0.9 dev <3> table 500 proto 201` sends, attribute by attribute. */
const goldenRoute = [
  '3c000000' + '1800' + '0506' + '01000000' + '00000000',
  '02' + '10' + '00' + '00' + '00' + 'c9' + '00' + '01' + '00000000',
  '0800' + '0100' + '0a090000',
  '0800' + '0f00' + 'f4010000',
  '0800' + '0500' + '0a010009',
  '0800' + '0400' + '03000000',
].join('');

describe('netlink requests', () => {
  it('are the bytes of the kernel headers: a route', () => {
    const op = { op: 'route.add', dst: '10.9.0.0/16', gateway: '10.1.0.9', dev: 3, table: 500, protocol: 201 } as const;
    expect(request(op).toString('hex')).to.equal(goldenRoute);
  });

  it('are the bytes of the kernel headers: an ipvlan that is made in another namespace', () => {
    const hex = request({
      op: 'link.add',
      kind: 'ipvlan',
      name: 'net1-0',
      parent: 5,
      mode: 'l3s',
      targetNetns: '1234567',
      up: true,
    }).toString('hex');
    expect(hex).to.equal(
      [
        '60000000' + '1000' + '0506' + '01000000' + '00000000',
        '0000' + '0000' + '00000000' + '01000000' + '01000000',
        '0b00' + '0300' + '6e6574312d300000',
        '0800' + '1c00' + '07000000',
        '0800' + '0500' + '05000000',
        '2400' + '1280',
        '0b00' + '0100' + '6970766c616e0000',
        '1400' + '0280',
        '0600' + '0100' + '02000000',
        '0600' + '0200' + '00000000',
      ].join(''),
    );
  });

  it('read back as routes', () => {
    const hop = fc.record({ dev: index, gateway: v4, weight: fc.integer({ min: 1, max: 256 }) });
    const route: fc.Arbitrary<Route> = fc.record(
      {
        dst: network,
        gateway: fc.oneof(v4, v6),
        dev: index,
        table: uint32,
        protocol: fc.integer({ min: 1, max: 255 }),
        scope: fc.constantFrom('global' as const, 'link' as const, 'host' as const, 77),
        metric: uint32,
        onlink: fc.constant(true),
        nexthops: fc.array(hop, { minLength: 1, maxLength: 4 }),
        mtu: uint32,
        advmss: uint32,
        type: fc.constantFrom('unicast' as const, 'blackhole' as const, 'local' as const),
      },
      { requiredKeys: ['dst'] },
    );
    fc.assert(
      fc.property(route, route => {
        expect(parseRoute(payload({ op: 'route.add', ...route }))).to.deep.include(route);
      }),
    );
  });

  it('read back as rules', () => {
    const rule: fc.Arbitrary<Rule> = fc.record(
      {
        from: network,
        table: uint32,
        priority: uint32,
        protocol: fc.integer({ min: 0, max: 255 }),
      },
      optional,
    );
    fc.assert(
      fc.property(rule, rule => {
        expect(parseRule(payload({ op: 'rule.add', ...rule }))).to.deep.include(rule);
      }),
    );
  });

  it('read back as addresses', () => {
    fc.assert(
      fc.property(network, index, (address, dev) => {
        const info = parseAddressInfo(payload({ op: 'address.add', dev, address, noDad: true }));
        expect(info).to.include({ dev, address, flags: 0x02 });
      }),
    );
  });

  it('read back as links', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('l2' as const, 'l3' as const, 'l3s' as const),
        fc.record({ mtu: uint32, mac }, optional),
        (mode, rest) => {
          const link = parseLink(payload({ op: 'link.add', kind: 'ipvlan', name: 'net1-0', parent: 5, mode, ...rest }));
          expect(link).to.deep.include({
            name: 'net1-0',
            kind: 'ipvlan',
            parentIndex: 5,
            ipvlan: { mode },
            ...rest,
          });
        },
      ),
    );
  });
});

describe('netlink text', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), address => {
        expect(formatAddress(parseAddress(address).bytes)).to.equal(address);
      }),
    );
    fc.assert(
      fc.property(mac, text => {
        expect(formatMac(Buffer.from(parseMac(text)))).to.equal(text);
      }),
    );
  });

  for (const bad of ['', '10.1', '010.0.0.1', '10.0.0.256', ':::', 'fe80::1%eth0', '10.0.0.1/8']) {
    it(`refuses the address "${bad}"`, () => {
      expect(() => parseAddress(bad)).to.throw(InvalidArgument, 'not an IP address');
    });
  }

  for (const bad of ['10.0.0.0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8']) {
    it(`refuses the network "${bad}"`, () => {
      expect(() => parseNetwork(bad)).to.throw(InvalidArgument);
    });
  }
});
