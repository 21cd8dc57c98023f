import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { run } from '../build/run.ts';
import { dockerArchive, type ImageSpec } from './dockerArchive.ts';
import { tar } from './tar.ts';

interface ManifestEntry {
  Config: string;
  RepoTags: string[];
  Layers: string[];
}

interface Config {
  config: { User: string };
  rootfs: { diff_ids: string[] };
}

describe('images/tar', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multi-nic-tar-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const unpack = async (archive: Buffer): Promise<void> => {
    await run(['tar', '-x', '-C', folder], { input: archive });
  };

  it('is unpacked by tar with the same contents, modes and links', async () => {
    const content = Buffer.alloc(100_000, 'ü');
    await unpack(
      tar([
        { path: 'bin/program', mode: 0o755, content },
        { path: 'empty', content: '' },
        { path: 'bin/link', linkTo: 'program' },
      ]),
    );
    expect(readFileSync(join(folder, 'bin/program')).equals(content)).to.equal(true);
    expect(statSync(join(folder, 'bin/program')).mode & 0o777).to.equal(0o755);
    expect(statSync(join(folder, 'empty')).size).to.equal(0);
    expect(readlinkSync(join(folder, 'bin/link'))).to.equal('program');
  });

  it('refuses paths that its format cannot hold', () => {
    expect(() => tar([{ path: 'x'.repeat(101), content: '' }])).to.throw('at most 100 bytes');
  });

  it('makes images whose layers the configuration names, each layer once', async () => {
    const base = [{ path: 'base', content: 'z' }];
    const image = (name: string): ImageSpec => ({
      reference: `docker.io/library/${name}:1`,
      entrypoint: [`/${name}`],
      layers: [base, [{ path: name, content: name }]],
      user: '65532:65532',
    });
    await unpack(dockerArchive(image('x'), image('y')));
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as ManifestEntry[];
    expect(manifest.map(({ RepoTags }) => RepoTags)).to.deep.equal([
      ['docker.io/library/x:1'],
      ['docker.io/library/y:1'],
    ]);
    expect(new Set(manifest.flatMap(({ Layers }) => Layers)).size).to.equal(3);
    for (const { Config, Layers } of manifest) {
      const config = JSON.parse(readFileSync(join(folder, Config), 'utf8')) as Config;
      const { stdout } = await run(['sha256sum', ...Layers.map(layer => join(folder, layer))]);
      const digests = stdout
        .trim()
        .split('\n')
        .map(line => `sha256:${line.split(' ')[0]}`);
      expect(config.rootfs.diff_ids).to.deep.equal(digests);
      expect(config.config.User).to.equal('65532:65532');
    }
  });
});
