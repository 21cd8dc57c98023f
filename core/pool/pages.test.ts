import { expect } from 'chai';
import fc from 'fast-check';
import { isUsable } from '../layout/layout.ts';
import { parseAddress } from '../net/address.ts';
import { lastOf, parseCidr } from '../net/cidr.ts';
import {
  excludedPages,
  lowestPages,
  pageAround,
  pageCapacity,
  pageCount,
  pageNumber,
  pageOf,
  pageSize,
} from './pages.ts';

const range = (pod: string, ...excludes: string[]) => ({ pod: parseCidr(pod), excludes: excludes.map(parseCidr) });

describe('pages of a node-independent network', () => {
  it('cut every range into parts of 256 addresses', () => {
    expect(pageCount([range('10.0.0.0/8')])).to.equal(65_536);
    expect(pageCount([range('10.0.0.0/8'), range('10.0.0.0/23')])).to.equal(2);
    expect(pageCount([range('10.0.0.0/28')])).to.equal(1);
    expect(pageOf(range('10.0.0.0/28'), 0)).to.include({ first: parseAddress('10.0.0.0').value });
    expect(pageAround([range('10.0.0.0/16')], ['172.16.0.1/16', '10.0.3.9/16'])).to.equal(3);
    expect(pageAround([range('10.0.0.0/16')], ['no address'])).to.equal(undefined);
  });

  it('hold as many attachments as addresses can be taken from them', () => {
    const cidr = fc.tuple(fc.integer({ min: 20, max: 30 }), fc.nat(0xffff)).map(([prefix, offset]) => {
      const [high, low] = [offset >> 8, offset & 0xff];
      return parseCidr(`10.9.${high}.${low}/${prefix}`);
    });
    fc.assert(
      fc.property(fc.integer({ min: 21, max: 29 }), fc.array(cidr, { maxLength: 3 }), fc.nat(7), (prefix, all, n) => {
        const pod = parseCidr(`10.9.0.0/${prefix}`);
        const excludes = all.filter((e, i) => all.findIndex(o => o.base === e.base && o.prefix === e.prefix) === i);
        const page = n % pageCount([{ pod, excludes }]);
        const { first = 0n, last = 0n } = pageOf({ pod, excludes }, page);
        let count = 0;
        for (let value = first; value <= last; value++) if (isUsable(pod, excludes, { family: 4, value })) count++;
        expect(pageCapacity([{ pod, excludes }], page)).to.equal(count);
        const isExcluded = excludedPages([{ pod, excludes }]).some(span => span.first <= page && page <= span.last);
        expect(isExcluded).to.equal(count === 0);
        expect(pageNumber(pod, last)).to.equal(page);
        expect(last).to.satisfy((value: bigint) => value <= lastOf(pod) && value - first < BigInt(pageSize));
      }),
    );
  });

  it('are taken from the lowest on', () => {
    const out = new Set([0, 1, 3]);
    expect(lowestPages(9, 3, page => out.has(page))).to.deep.equal([2, 4, 5]);
    expect(lowestPages(5, 3, page => out.has(page))).to.deep.equal([2, 4]);
    expect(lowestPages(2, 3, page => out.has(page))).to.deep.equal([]);
    const half = range('fd00::/72', 'fd00::/73');
    expect(lowestPages(pageCount([half]), 2, () => false, excludedPages([half]))).to.deep.equal([2 ** 47, 2 ** 47 + 1]);
    const most = range('fd00::/64', 'fd00::/65');
    expect(lowestPages(pageCount([most]), 2, () => false, excludedPages([most]))).to.deep.equal([]);
  });
});
