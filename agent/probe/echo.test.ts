import { expect } from 'chai';
import { answeredSequence, echoRequest } from './echo.ts';

const token = Buffer.from('0102030405060708', 'hex');

/** What a raw IPv4 socket gives of a message: an IP header of so many bytes before it. */
const withHeader = (message: Buffer, bytes = 20): Buffer =>
  Buffer.concat([Buffer.from([0x40 | (bytes / 4)]), Buffer.alloc(bytes - 1), message]);

/** As who is asked sends it back. */
function reply(family: 4 | 6, request: Buffer): Buffer {
  const message = Buffer.from(request);
  message[0] = family === 4 ? 0 : 129;
  return message;
}

describe('ICMP echo', () => {
  it('asks with a checksum in IPv4, and leaves it to the kernel in IPv6', () => {
    // 0800 + 0102 + 0005 + 0102 + 0304 + 0506 + 0708 = 191b (RFC 1071), and its complement
    expect(echoRequest(4, 5, token).toString('hex')).to.equal('0800e6e4010200050102030405060708');
    expect(echoRequest(6, 5, token).toString('hex')).to.equal('80000000010200050102030405060708');
  });

  it('knows answers to its requests', () => {
    expect(answeredSequence(4, withHeader(reply(4, echoRequest(4, 7, token))), token)).to.equal(7);
    expect(answeredSequence(4, withHeader(reply(4, echoRequest(4, 7, token)), 24), token)).to.equal(7);
    expect(answeredSequence(6, reply(6, echoRequest(6, 47, token)), token)).to.equal(47);
  });

  it('skips everything else: others’ answers, requests, fragments', () => {
    const mine = echoRequest(4, 7, token);
    const others = echoRequest(4, 7, Buffer.from('0102030405060709', 'hex'));
    expect(answeredSequence(4, withHeader(reply(4, others)), token)).to.equal(undefined);
    expect(answeredSequence(4, withHeader(mine), token)).to.equal(undefined);
    expect(answeredSequence(4, withHeader(reply(4, mine)).subarray(0, 30), token)).to.equal(undefined);
    expect(answeredSequence(4, Buffer.alloc(0), token)).to.equal(undefined);
    expect(answeredSequence(6, Buffer.alloc(0), token)).to.equal(undefined);
  });
});
