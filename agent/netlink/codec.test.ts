import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { align, eachAttribute, nested, parseAttributes, readText, readUint, Writer } from './attributes.ts';
import * as codec from './codec.ts';
import { NLM_F, NLMSG } from './constants.ts';
import * as headers from './headers.ts';

const uint8 = fc.integer({ min: 0, max: 0xff });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const attributeType = fc.integer({ min: 1, max: 0x3fff });

describe('netlink attributes', () => {
  it('are laid out as the kernel lays them out', () => {
    const writer = new Writer();
    writer.text(3, 'lo');
    writer.uint32(4, 1500);
    writer.nest(18, () => writer.uint8(1, 7));
    expect(writer.bytes().toString('hex')).to.equal(
      ['0700', '0300', '6c6f0000', '0800', '0400', 'dc050000', '0c00', '1280', '0500', '0100', '07000000'].join(''),
    );
  });

  it('refuse numbers that a field cannot hold', () => {
    const writer = new Writer();
    expect(() => writer.uint8(1, 0x100)).to.throw(RangeError, '256 is not between 0 and 255');
    expect(() => writer.uint16(1, 0x10000)).to.throw(RangeError);
    expect(() => writer.uint32(1, 0x1_0000_0000)).to.throw(RangeError);
    expect(() => writer.uint32(1, -1)).to.throw(RangeError);
    expect(() => writer.uint32(1, Number.NaN)).to.throw(RangeError);
  });

  it('come back as they were written, aligned to four bytes', () => {
    const attribute = fc.tuple(attributeType, fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(attribute), written => {
        const writer = new Writer();
        for (const [type, value] of written) writer.attribute(type, value);
        expect(writer.length).to.equal(written.reduce((sum, [, value]) => sum + align(4 + value.length), 0));
        const read = Array.from(eachAttribute(writer.bytes()), ([type, value]) => [type, Uint8Array.from(value)]);
        expect(read).to.deep.equal(written.map(([type, value]) => [type, Uint8Array.from(value)]));
      }),
    );
  });

  it('come back from nests', () => {
    fc.assert(
      fc.property(
        attributeType,
        attributeType,
        uint32,
        fc.stringMatching(/^[a-z0-9.-]{0,40}$/),
        (outer, type, n, text) => {
          const writer = new Writer();
          writer.nest(outer, () => {
            writer.uint32(type, n);
            writer.nest(outer, () => writer.text(type, text));
          });
          const inner = nested(parseAttributes(writer.bytes()), outer);
          if (type === outer) return;
          expect(readUint(inner, type)).to.equal(n);
          expect(readText(nested(inner, outer), type)).to.equal(text);
        },
      ),
    );
  });

  it('never make reading go wrong, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const read = Array.from(eachAttribute(Buffer.from(bytes)));
        expect(read.reduce((sum, [, value]) => sum + 4 + value.length, 0)).to.be.at.most(bytes.length);
      }),
    );
  });
});

describe('netlink messages', () => {
  it('have the header of struct nlmsghdr', () => {
    const writer = new Writer();
    codec.writeMessage(writer, { type: 18, flags: 0x301, sequence: 9 }, () => headers.writeLinkHeader(writer, {}));
    expect(writer.bytes().toString('hex')).to.equal(
      `20000000${'1200'}${'0103'}09000000${'00000000'}${'00'.repeat(16)}`,
    );
  });

  it('come back one after another', () => {
    const message = fc.record({
      type: uint16,
      flags: uint16,
      sequence: uint32,
      payload: fc.uint8Array({ maxLength: 40 }).map(bytes => bytes.slice(0, bytes.length & ~3)),
    });
    fc.assert(
      fc.property(fc.array(message), messages => {
        const writer = new Writer();
        for (const { payload, ...head } of messages) {
          codec.writeMessage(writer, head, () => {
            const at = writer.reserve(payload.length);
            payload.forEach((byte, offset) => {
              writer.setUint8(at + offset, byte);
            });
          });
        }
        const read = Array.from(codec.eachMessage(writer.bytes()), ({ payload, ...head }) => ({
          ...head,
          payload: Uint8Array.from(payload),
        }));
        expect(read).to.deep.equal(
          messages.map(({ payload, ...head }) => ({ ...head, payload: Uint8Array.from(payload) })),
        );
      }),
    );
  });

  it('come back with the fixed part of each kind', () => {
    const kinds = [
      [
        fc.record({ family: uint8, hardwareType: uint16, index: fc.nat(0x7fffffff), flags: uint32, change: uint32 }),
        headers.writeLinkHeader,
        headers.parseLinkHeader,
        16,
      ],
      [
        fc.record({ family: uint8, prefixLength: uint8, flags: uint8, scope: uint8, index: uint32 }),
        headers.writeAddressHeader,
        headers.parseAddressHeader,
        8,
      ],
      [
        fc.record({
          family: uint8,
          dstLength: uint8,
          srcLength: uint8,
          table: uint8,
          protocol: uint8,
          scope: uint8,
          type: uint8,
          flags: uint32,
        }),
        headers.writeRouteHeader,
        headers.parseRouteHeader,
        12,
      ],
      [
        fc.record({ family: uint8, srcLength: uint8, table: uint8, action: uint8 }),
        headers.writeRuleHeader,
        headers.parseRuleHeader,
        12,
      ],
    ] as const;
    for (const [arbitrary, write, parse, size] of kinds) {
      fc.assert(
        fc.property(arbitrary as fc.Arbitrary<object>, header => {
          const writer = new Writer();
          write(writer, header);
          expect(writer.length).to.equal(size);
          writer.uint32(5, 77);
          const { header: read, attributes } = parse(writer.bytes());
          expect(read).to.deep.equal(header);
          expect(readUint(attributes, 5)).to.equal(77);
        }),
      );
    }
  });
});

describe('netlink acknowledgements', () => {
  function message(type: number, flags: number, hex: string): codec.Message {
    return { type, flags, sequence: 1, payload: Buffer.from(hex, 'hex') };
  }
  const text = Buffer.from('no\0').toString('hex');
  const echoedHeader = '14000000' + '1000' + '0500' + '01000000' + '00000000';

  it('are success with errno 0', () => {
    const success = message(NLMSG.ERROR, NLM_F.CAPPED, '00000000' + echoedHeader);
    expect(codec.parseAcknowledgement(success)).to.deep.equal({ errno: 0, text: null });
  });

  it('carry the kernel’s text after the capped header', () => {
    const refused = message(NLMSG.ERROR, NLM_F.CAPPED | NLM_F.ACK_TLVS, `efffffff${echoedHeader}07000100${text}00`);
    expect(codec.parseAcknowledgement(refused)).to.deep.equal({ errno: -17, text: 'no' });
  });

  it('carry it after the whole request too', () => {
    const refused = message(NLMSG.ERROR, NLM_F.ACK_TLVS, `efffffff${echoedHeader}aabbccdd07000100${text}00`);
    expect(codec.parseAcknowledgement(refused)).to.deep.equal({ errno: -17, text: 'no' });
  });

  it('carry it at the end of a dump', () => {
    const done = message(NLMSG.DONE, NLM_F.ACK_TLVS, `feffffff07000100${text}00`);
    expect(codec.parseAcknowledgement(done)).to.deep.equal({ errno: -2, text: 'no' });
  });
});
