import { expect } from 'chai';
import fc from 'fast-check';
import { pino } from 'pino';
import type { KubeObject } from '../api/types.ts';
import { findByUid } from './findByUid.ts';
import { ObjectCache } from './objectCache.ts';

const logger = pino({ level: 'silent' });
const uids = ['u1', 'u2', 'u3', 'u4'];

describe('findByUid', () => {
  it('finds what a search over all objects finds, after any changes', () => {
    // The n-th object of a name has the n-th UID of that name: none is used twice.
    const object = fc
      .record({ name: fc.constantFrom('a', 'b'), generation: fc.nat(1) })
      .map(({ name, generation }): KubeObject => ({
        metadata: { name, uid: uids[2 * Number(name === 'b') + generation]!, resourceVersion: String(Math.random()) },
      }));
    const change = fc.oneof(
      fc.record({ set: object }),
      fc.record({ delete: object }),
      fc.record({ replace: fc.uniqueArray(object, { selector: ({ metadata }) => metadata.name }) }),
    );
    fc.assert(
      fc.property(fc.array(change), changes => {
        const cache = new ObjectCache<KubeObject>({ logger });
        const byUid = findByUid(cache);
        for (const one of changes) {
          if ('set' in one) cache.set(one.set);
          else if ('replace' in one) cache.replace(one.replace);
          else cache.delete(cache.get(one.delete.metadata) ?? one.delete);
          for (const uid of uids) {
            expect(byUid(uid)).to.equal([...cache.list()].find(({ metadata }) => metadata.uid === uid));
          }
        }
      }),
    );
  });

  it('has heard of a change before those who listen later', () => {
    const cache = new ObjectCache<KubeObject>({ logger });
    const byUid = findByUid(cache);
    const seen: unknown[] = [];
    const look = ({ metadata: { uid = '' } }: KubeObject): void => void seen.push(byUid(uid)?.metadata.resourceVersion);
    cache.addHandlers({ added: look, updated: look, deleted: look });
    const version = (resourceVersion: string): KubeObject => ({ metadata: { name: 'a', uid: 'u1', resourceVersion } });
    cache.set(version('1'));
    cache.set(version('2'));
    cache.delete(version('3'));
    expect(seen).to.deep.equal(['1', '2', undefined]);
  });
});
