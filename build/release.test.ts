import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { withImageVersion, withRelease } from './release.ts';

const root = join(import.meta.dirname, '..');

describe('build/release', () => {
  it('names images in the new version, and no others', () => {
    const text = 'image: multi-nic-webhook:0.1.0\n  -t registry.example/multi-nic-agent:0.1.0 .\nbusybox:1.36';
    expect(withImageVersion(text, '0.2.0')).to.equal(
      'image: multi-nic-webhook:0.2.0\n  -t registry.example/multi-nic-agent:0.2.0 .\nbusybox:1.36',
    );
    expect(withImageVersion('multi-nic-agent:0.2.0-rc.1', '0.2.0')).to.equal('multi-nic-agent:0.2.0');
  });

  it('makes what is unreleased the part of the version', () => {
    const changelog = '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A.\n\n## [0.1.0] - 2026-01-01\n';
    const released = withRelease(changelog, '0.2.0', '2026-02-01');
    expect(released).to.equal(
      '# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-02-01\n\n### Added\n\n- A.\n\n## [0.1.0] - 2026-01-01\n',
    );
    expect(() => withRelease(released, '0.3.0', '2026-02-02')).to.throw('says nothing under [Unreleased]');
    expect(() => withRelease(changelog, '0.1.0', '2026-02-02')).to.throw('has a part [0.1.0] already');
    expect(() => withRelease('# Changelog\n', '0.2.0', '2026-02-02')).to.throw('must have one part [Unreleased]');
  });

  it('knows every file that names images: all say the version of package.json', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const paths = globSync(['{manifests,docs,images}/**/*.{yaml,md,ts}', 'images/Containerfile', '*.md'], {
      cwd: root,
    });
    const named = paths.flatMap(path =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/\bmulti-nic-(?:webhook|agent):(\d[\w.-]*)/g)].map(
        ([, tag]) => `${path} ${tag}`,
      ),
    );
    expect(named.length).to.be.greaterThan(10);
    expect(named.filter(one => !one.endsWith(` ${version}`))).to.deep.equal([]);
  });
});
