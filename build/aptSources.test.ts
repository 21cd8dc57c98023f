import { expect } from 'chai';
import { deriveSources } from './aptSources.ts';

const wanted = { codename: 'bookworm', suite: 'trixie', types: ['deb-src'] } as const;

describe('build/aptSources', () => {
  it('takes deb822 entries for the own suite, keeping everything else, also a key inside', () => {
    const text = [
      '# a comment',
      'Types: deb',
      'URIs: http://mirror.example/debian',
      'Suites: bookworm bookworm-updates',
      '# another comment',
      'Components: main contrib',
      'Signed-By:',
      ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
      ' .',
      ' mQINBF',
      '',
      'Types: deb',
      'URIs: http://mirror.example/debian-security',
      'Suites: bookworm-security',
      'Components: main',
      '',
    ].join('\n');
    expect(deriveSources([{ name: 'debian.sources', text }], wanted)).to.equal(
      [
        'types: deb-src',
        'uris: http://mirror.example/debian',
        'suites: trixie',
        'components: main contrib',
        'signed-by: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF',
        '',
      ].join('\n'),
    );
  });

  it('takes entries of one line with their options', () => {
    const text = [
      'deb [signed-by=/usr/share/keyrings/a.gpg arch=amd64,arm64] http://mirror.example/debian bookworm main # ours',
      'deb-src http://mirror.example/debian bookworm main',
      '# deb http://mirror.example/old bookworm main',
      'deb http://mirror.example/debian bookworm-updates main',
    ].join('\n');
    expect(deriveSources([{ name: 'sources.list', text }], { ...wanted, types: ['deb', 'deb-src'] })).to.equal(
      [
        'types: deb deb-src',
        'uris: http://mirror.example/debian',
        'suites: trixie',
        'components: main',
        'signed-by: /usr/share/keyrings/a.gpg',
        'architectures: amd64 arm64',
        '',
      ].join('\n'),
    );
  });

  it('leaves out disabled entries, source entries and other suites', () => {
    const text = [
      'Types: deb',
      'URIs: http://a',
      'Suites: bookworm',
      'Enabled: no',
      '',
      'Types: deb-src',
      'URIs: http://b',
      'Suites: bookworm',
      ' \t',
      'Types: deb',
      'URIs: http://c',
      'Suites: nodistro',
    ].join('\n');
    expect(deriveSources([{ name: 'x.sources', text }], wanted)).to.equal('');
  });

  it('separates stanzas by an empty line', () => {
    const list = 'deb http://a bookworm main\ndeb http://b bookworm main\n';
    const derived = deriveSources([{ name: 'x.list', text: list }], wanted);
    expect(derived.split('\n\n')).to.have.length(2);
  });
});
