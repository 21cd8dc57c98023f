import { expect } from 'chai';
import { chainedFile, chainedList, primaryFile } from './chainedList.ts';

describe('core/cni/chainedList', () => {
  const bridge = { type: 'bridge', bridge: 'cni0', ipam: { type: 'host-local' } };
  const ours = { type: 'multi-nic', mode: 'chained' };

  it('appends our plugin to those of a list, and changes nothing else', () => {
    const list = { cniVersion: '1.0.0', name: 'primary', disableCheck: true, plugins: [bridge, { type: 'portmap' }] };
    expect(JSON.parse(chainedList(JSON.stringify(list)) ?? '')).to.deep.equal({
      ...list,
      plugins: [...list.plugins, ours],
    });
  });

  it('keeps what others have put behind our plugin, once', () => {
    const of = (...types: string[]) =>
      JSON.stringify({ cniVersion: '1.0.0', name: 'primary', plugins: types.map(type => ({ type })) });
    const typesIn = (text = '') =>
      (JSON.parse(text) as { plugins: { type: string }[] }).plugins.map(({ type }) => type);
    const present = of('bridge', 'portmap', 'multi-nic', 'istio-cni');
    expect(typesIn(chainedList(of('bridge'), present))).to.deep.equal(['bridge', 'multi-nic', 'istio-cni']);
    // A mesh that was there first is in the original, too. Its newer one stays where it has put it, or it would do so again and again.
    const both = of('bridge', 'istio-cni', 'portmap');
    expect(typesIn(chainedList(both, present))).to.deep.equal(['bridge', 'portmap', 'multi-nic', 'istio-cni']);
    expect(typesIn(chainedList(both, of('bridge', 'portmap', 'multi-nic')))).to.deep.equal([
      ...['bridge', 'istio-cni', 'portmap', 'multi-nic'],
    ]);
    for (const broken of ['', '{"plug', 'null', '[]', '{"plugins": [null]}', of('istio-cni')])
      expect(typesIn(chainedList(of('bridge'), broken)), broken).to.deep.equal(['bridge', 'multi-nic']);
  });

  it('makes a list of a plugin that stands alone', () => {
    const text = JSON.stringify({ cniVersion: '0.4.0', name: 'primary', ...bridge });
    expect(JSON.parse(chainedList(text) ?? '')).to.deep.equal({
      ...{ cniVersion: '0.4.0', name: 'primary', plugins: [bridge, ours] },
    });
  });

  it('leaves a network alone that has our plugin', () => {
    expect(chainedList(JSON.stringify({ name: 'primary', plugins: [bridge, ours] }))).to.equal(undefined);
  });

  it('names only versions that our plugin speaks, and refuses a network without any: no pod of the node would start', () => {
    const versionsIn = (versions: object): unknown => {
      const text = chainedList(JSON.stringify({ ...versions, name: 'primary', plugins: [bridge] }));
      const { cniVersion, cniVersions } = JSON.parse(text ?? '') as Record<string, unknown>;
      return [cniVersion, cniVersions];
    };
    expect(versionsIn({ cniVersion: '0.3.0' })).to.deep.equal(['0.3.0', undefined]);
    const several = ['0.2.0', '0.4.0', '1.1.0', '1.2.0'];
    expect(versionsIn({ cniVersion: '0.2.0', cniVersions: several })).to.deep.equal(['1.1.0', ['0.4.0', '1.1.0']]);
    expect(versionsIn({ cniVersion: '1.0.0', cniVersions: ['1.2.0'] })).to.deep.equal(['1.0.0', []]);
    for (const versions of [{}, { cniVersion: '' }, { cniVersion: '0.2.0' }, { cniVersions: ['1.2.0'] }]) {
      expect(() => versionsIn(versions), JSON.stringify(versions)).to.throw(
        /cniVersion is .*our plugin speaks 0\.3\.0/,
      );
    }
  });

  it('refuses what is no network, or half of one', () => {
    for (const text of ['', '{"plugins": [', 'null', '[]', '{}', '"x"'])
      expect(() => chainedList(text), text).to.throw();
  });

  it('takes the file that a runtime would, its own left aside', () => {
    const names = ['10-b.conflist', '.10-a.conflist.tmp', chainedFile, '00-readme.txt', '05-c.conf', '99-d.json'];
    expect(primaryFile(names)).to.equal('05-c.conf');
    expect(primaryFile([chainedFile])).to.equal(undefined);
    expect([...names, '00-multus.conf'].sort().find(name => /\.(conf|conflist|json)$/.test(name))).to.equal(
      chainedFile,
    );
  });
});
