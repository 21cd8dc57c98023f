import { expect } from 'chai';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dockerArchive } from './dockerArchive.ts';
import { run } from '../build/run.ts';
import { tar } from './tar.ts';

describe('images/tar', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multi-nic-tar-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const unpack = async (archive: Buffer, into = folder): Promise<void> => {
    await run(['tar', '-x', '-C', into], { input: archive });
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

  it('makes images of one layer whose digest the configuration names', async () => {
    const archive = dockerArchive({
      reference: 'docker.io/library/x:1',
      entrypoint: ['/x'],
      files: [{ path: 'x', content: 'y' }],
    });
    await unpack(archive);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { rootfs: { diff_ids: string[] } };
    const { stdout } = await run(['sha256sum', join(folder, 'layer.tar')]);
    expect(config.rootfs.diff_ids).to.deep.equal([`sha256:${stdout.split(' ')[0]}`]);
  });
});
