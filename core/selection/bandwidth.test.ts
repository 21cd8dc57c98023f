import { expect } from 'chai';
import { formatBandwidth, parseBandwidth } from './bandwidth.ts';

describe('bandwidth', () => {
  for (const [text, mbps] of [
    ['100Gbps', 100_000],
    ['2.5Gbps', 2500],
    ['0.3Gbps', 300],
    ['500Mbps', 500],
    ['1500Kbps', 2],
    ['1Kbps', 1],
    ['0Mbps', 0],
  ] as const) {
    it(`${text} is ${mbps} Mbit/s`, () => {
      expect(parseBandwidth(text)).to.equal(mbps);
    });
  }
  for (const text of ['', '100', '100 Gbps', '-1Gbps', '1e3Mbps', 'Gbps', '1gbps', '1234567890Gbps', '1Gbps ']) {
    it(`"${text}" is none`, () => {
      expect(parseBandwidth(text)).to.equal(undefined);
    });
  }
  it('is written as people do', () => {
    expect([100_000, 2500, 500].map(formatBandwidth)).to.deep.equal(['100Gbps', '2.5Gbps', '500Mbps']);
  });
});
