import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createAuthority, type KeyAndCertificate } from './authority.ts';
import { CertificateReloader, readKeyPair } from './reload.ts';

const validity = { now: new Date(), lifetimeMs: 3_600_000 };
const authority = createAuthority({ commonName: 'test CA' }, validity);

async function issue(commonName: string): Promise<KeyAndCertificate> {
  return (await authority).issue({ ...validity, subject: { commonName }, serverNames: ['localhost'] });
}

describe('following a certificate on disk', () => {
  let folder: string;
  let paths: { cert: string; key: string };
  let version = 0;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'multi-nic-certs-'));
    paths = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** As the kubelet writes a Secret: a new folder, then one rename of the symlink that everything goes through. */
  function publish(pair: KeyAndCertificate): void {
    const data = `..version-${++version}`;
    mkdirSync(join(folder, data));
    writeFileSync(join(folder, data, 'tls.crt'), pair.certificate);
    writeFileSync(join(folder, data, 'tls.key'), pair.privateKey);
    symlinkSync(data, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    if (version > 1) return;
    for (const file of ['tls.crt', 'tls.key']) symlinkSync(join('..data', file), join(folder, file));
  }

  async function follow(pollMs: number, test: (seen: () => Promise<KeyAndCertificate>) => Promise<void>) {
    const changes: KeyAndCertificate[] = [];
    let wake = Promise.withResolvers<undefined>();
    const reloader = new CertificateReloader(paths, {
      pollMs,
      onChange: pair => {
        changes.push(pair);
        wake.resolve(undefined);
      },
      onError: () => undefined,
    });
    const controller = new AbortController();
    const running = reloader.run(controller.signal);
    try {
      await test(async () => {
        if (changes.length === 0) await wake.promise;
        wake = Promise.withResolvers();
        const [next] = changes.splice(0);
        return next!;
      });
    } finally {
      controller.abort();
      await running;
    }
  }

  it('sees the swap of a mounted Secret at once', async () => {
    version = 0;
    const [first, second] = [await issue('first'), await issue('second')];
    publish(first);
    await follow(3_600_000, async next => {
      expect(await next()).to.deep.equal(first);
      publish(second);
      expect(await next()).to.deep.equal(second);
    });
  });

  it('sees files that appear later, and by polling what nobody tells', async () => {
    const pair = await issue('late');
    paths = { cert: join(folder, 'later/tls.crt'), key: join(folder, 'later/tls.key') };
    await follow(10, async next => {
      mkdirSync(join(folder, 'later'));
      writeFileSync(paths.cert, pair.certificate);
      writeFileSync(paths.key, pair.privateKey);
      expect(await next()).to.deep.equal(pair);
    });
  });

  it('keeps the last good pair while the two do not belong together', async () => {
    const [first, second] = [await issue('first'), await issue('second')];
    writeFileSync(paths.cert, first.certificate);
    writeFileSync(paths.key, first.privateKey);
    const reloader = new CertificateReloader(paths, { onChange: () => undefined, onError: () => undefined });
    await reloader.load();
    writeFileSync(paths.cert, second.certificate);
    expect(await reloader.load().catch(String)).to.contain('does not belong to the certificate');
    expect(reloader.current).to.deep.equal(first);
    writeFileSync(paths.key, second.privateKey);
    await reloader.load();
    expect(reloader.current).to.deep.equal(second);
  });

  it('says which file cannot be read', async () => {
    expect(await readKeyPair(paths).catch(String)).to.contain(paths.cert);
  });
});
