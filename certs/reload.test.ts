import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createAuthority, type KeyAndCertificate } from './authority.ts';
import { authorityFile, type Follow, keyPairFiles } from './reload.ts';

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

  /** What is told, in order: values, and messages of what was wrong. */
  async function follow<T>(following: Follow<T>, test: (seen: () => Promise<T | string>) => Promise<void>) {
    const told: (T | string)[] = [];
    let wake = Promise.withResolvers<undefined>();
    const tell = (what: T | string): void => {
      if (told.at(-1) === what) return;
      told.push(what);
      wake.resolve(undefined);
    };
    const controller = new AbortController();
    const running = following(controller.signal, {
      changed: tell,
      failed: error => {
        tell(error.message);
      },
    });
    try {
      await test(async () => {
        while (told.length === 0) {
          wake = Promise.withResolvers();
          await wake.promise;
        }
        return told.shift()!;
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
    await follow(keyPairFiles(paths, 3_600_000), async next => {
      expect(await next()).to.deep.equal(first);
      publish(second);
      expect(await next()).to.deep.equal(second);
    });
  });

  it('says which file cannot be read, and by polling sees changes that are not reported', async () => {
    const pair = await issue('late');
    paths = { cert: join(folder, 'later/tls.crt'), key: join(folder, 'later/tls.key') };
    await follow(keyPairFiles(paths, 10), async next => {
      expect(await next()).to.contain(join(folder, 'later'));
      mkdirSync(join(folder, 'later'));
      writeFileSync(paths.cert, pair.certificate);
      writeFileSync(paths.key, pair.privateKey);
      let seen = await next();
      while (typeof seen === 'string') seen = await next();
      expect(seen).to.deep.equal(pair);
    });
  });

  it('keeps the last good pair while the two do not belong together', async () => {
    const [first, second] = [await issue('first'), await issue('second')];
    writeFileSync(paths.cert, first.certificate);
    writeFileSync(paths.key, first.privateKey);
    await follow(keyPairFiles(paths, 3_600_000), async next => {
      expect(await next()).to.deep.equal(first);
      writeFileSync(paths.cert, second.certificate);
      expect(await next()).to.match(/^MNN_CERT_UNUSABLE: .*tls\.key is not the key of/);
      writeFileSync(paths.key, second.privateKey);
      expect(await next()).to.deep.equal(second);
    });
  });

  it('follows authorities, and skips anything else', async () => {
    const path = join(folder, 'ca.crt');
    const { certificate } = await authority;
    writeFileSync(path, certificate);
    await follow(authorityFile(path, 3_600_000), async next => {
      expect(await next()).to.equal(certificate);
      writeFileSync(path, 'nothing');
      expect(await next()).to.match(/^MNN_CERT_UNUSABLE: .*ca\.crt has no certificate/);
      writeFileSync(path, certificate + certificate);
      expect(await next()).to.equal(certificate + certificate);
    });
  });
});
