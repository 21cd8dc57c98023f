import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cached, cacheRoot } from './cacheDir.ts';

describe('build/cacheDir', () => {
  const before = process.env.XDG_CACHE_HOME;
  let home = '';

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'multi-nic-cache-'));
    process.env.XDG_CACHE_HOME = home;
  });

  afterEach(async () => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    await rm(home, { recursive: true, force: true });
  });

  it('makes a directory once, however many ask at once', async () => {
    let fills = 0;
    const fill = async (directory: string): Promise<void> => {
      fills += 1;
      await writeFile(join(directory, 'content'), 'whole');
    };
    const paths = await Promise.all([1, 2, 3].map(() => cached('thing-1', fill)));
    expect(fills).to.equal(1);
    expect(new Set(paths)).to.deep.equal(new Set([join(cacheRoot(), 'thing-1')]));
    expect(await readFile(join(cacheRoot(), 'thing-1', 'content'), 'utf8')).to.equal('whole');
  });

  it('leaves nothing under the name when making it fails, and makes it the next time', async () => {
    const failure = await cached('thing-2', () => Promise.reject(new Error('no network'))).catch(
      (error: unknown) => error,
    );
    expect(failure).to.have.property('message', 'no network');
    expect(existsSync(join(cacheRoot(), 'thing-2'))).to.equal(false);
    await cached('thing-2', directory => writeFile(join(directory, 'content'), 'whole'));
    expect(existsSync(join(cacheRoot(), 'thing-2', 'content'))).to.equal(true);
  });

  it('starts afresh after a process that was killed while it made the directory', async () => {
    const program = `import { cached } from ${JSON.stringify(import.meta.resolve('./cacheDir.ts'))};
      import { writeFileSync } from 'node:fs';
      await cached('thing-3', directory => {
        writeFileSync(directory + '/half', '');
        process.stdout.write('half');
        return new Promise(() => setInterval(() => 0, 1000));
      });`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'close');
    const path = await cached('thing-3', directory => writeFile(join(directory, 'content'), 'whole'));
    expect(existsSync(join(path, 'half'))).to.equal(false);
    expect(existsSync(join(path, 'content'))).to.equal(true);
  });
});
