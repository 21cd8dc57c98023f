import { expect } from 'chai';
import { apiVersion } from '../api/names.ts';
import type { IPPool } from '../api/types.ts';
import { formatPool, readPool } from './content.ts';

const line = (pod: string, more = ''): string =>
  `Allocated ns/${pod} net1 eth1@172.16.0.0/16=10.0.0.1/24 since=2026-01-01T00:00:00.000Z${more} uid=${pod}`;

function poolOf(...allocations: string[]): IPPool {
  const spec = { network: 'net', blocks: [] };
  return { apiVersion, kind: 'IPPool', metadata: { name: 'net.n1' }, spec, status: { allocations } };
}

describe("a pool's content", () => {
  it('is read again only where it has changed', () => {
    const before = readPool(poolOf(line('a'), line('b')));
    const after = readPool(poolOf(line('a'), line('b', ' mbps=100'), line('c')), before);
    expect(after).to.deep.equal(readPool(poolOf(line('a'), line('b', ' mbps=100'), line('c'))));
    expect(after.allocations[0]).to.equal(before.allocations[0]);
    expect(after.allocations[1]).to.deep.include({
      podUID: 'b',
      nics: [{ ...before.allocations[1]?.nics[0], promisedMbps: 100 }],
    });
  });

  it('keeps the lines of unchanged records as they are, with words that only newer writers know', () => {
    const text = line('a', ' newer=word');
    const { allocations } = formatPool(readPool(poolOf(text)));
    expect(allocations).to.deep.equal([text]);
    const [record] = readPool(poolOf(text)).allocations;
    const changed = formatPool({ allocations: record ? [{ ...record, podUID: 'b' }] : [], cursors: new Map() });
    expect(changed.allocations).to.deep.equal([line('a').replace('uid=a', 'uid=b')]);
  });
});
