import { expect } from 'chai';
import fc from 'fast-check';
import { keyOf, type KubeObject, refOf } from '../api/types.ts';
import { deepFreeze, Store } from './store.ts';

interface Colored extends KubeObject {
  colors: string[];
}

function colored(name: string, ...colors: string[]): Colored {
  return { metadata: { name, namespace: 'ns' }, colors };
}

const byColor = { color: (object: Colored) => object.colors };

describe('Store', () => {
  it('finds objects by key and by index key', () => {
    const store = new Store(byColor);
    store.set(colored('a', 'red', 'blue'));
    store.set(colored('b', 'red'));
    expect(store.get('ns/a')?.colors).to.deep.equal(['red', 'blue']);
    expect([...store.by('color', 'red')].map(({ metadata }) => metadata.name)).to.have.members(['a', 'b']);
    expect([...store.by('color', 'green')]).to.deep.equal([]);
  });

  it('takes a replaced object out of the index keys that it no longer has', () => {
    const store = new Store(byColor);
    store.set(colored('a', 'red'));
    expect(store.set(colored('a', 'blue'))?.colors).to.deep.equal(['red']);
    expect([...store.by('color', 'red')]).to.deep.equal([]);
    expect([...store.by('color', 'blue')]).to.have.length(1);
  });

  it('keeps indexes equal to what a search over all objects finds, after any changes', () => {
    const color = fc.constantFrom('red', 'green', 'blue');
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const change = fc.oneof(
      fc.record({ name, colors: fc.uniqueArray(color) }),
      fc.record({ name, colors: fc.constant(undefined) }),
    );
    fc.assert(
      fc.property(fc.array(change), changes => {
        const store = new Store(byColor);
        for (const { name, colors } of changes) {
          if (colors) store.set(colored(name, ...colors));
          else store.delete(`ns/${name}`);
        }
        for (const wanted of ['red', 'green', 'blue']) {
          const searched = [...store.values()].filter(({ colors }) => colors.includes(wanted));
          expect([...store.by('color', wanted)]).to.have.members(searched);
        }
      }),
    );
  });

  it('returns undefined when nothing was there to delete', () => {
    expect(new Store(byColor).delete('ns/a')).to.equal(undefined);
  });
});

describe('keyOf and refOf', () => {
  it('are each other’s inverse, with and without a namespace', () => {
    for (const ref of [{ name: 'node-1' }, { namespace: 'ns', name: 'pod.1' }]) {
      expect(refOf(keyOf(ref))).to.deep.equal(ref);
    }
  });
});

describe('deepFreeze', () => {
  it('refuses changes at any depth', () => {
    const object = deepFreeze({ metadata: { labels: { a: 'b' } }, list: [{ x: 1 }] });
    expect(() => (object.metadata.labels.a = 'c')).to.throw(TypeError);
    expect(() => object.list.push({ x: 2 })).to.throw(TypeError);
    expect(() => (object.list[0]!.x = 2)).to.throw(TypeError);
  });
});
