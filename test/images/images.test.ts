import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { run } from '../../build/run.ts';
import { dockerArchive } from '../../images/dockerArchive.ts';
import { type SystemImages, systemImages } from '../../images/systemImages.ts';
import { tar } from '../../images/tar.ts';

const root = join(import.meta.dirname, '../..');

/** What a stage of a Containerfile says, instruction to arguments. */
function stage(name: string): Map<string, string> {
  const text = readFileSync(join(root, 'images/Containerfile'), 'utf8');
  const [, body = ''] = text.split(` AS ${name}\n`);
  const lines = (body.split('\nFROM ')[0] ?? '').trim().split('\n');
  return new Map(lines.map(line => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
}

describe('Images', function () {
  this.timeout(300_000);
  let folder: string;
  let images: SystemImages;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'multi-nic-images-'));
    chmodSync(folder, 0o755);
    images = await systemImages();
    for (const [name, { layers }] of Object.entries(images)) {
      await run(['mkdir', join(folder, name)]);
      for (const layer of layers) await run(['tar', '-xp', '-C', join(folder, name)], { input: tar(layer) });
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs a program with an image as the whole file system; as root, or as who the image names. */
  async function inside(name: keyof SystemImages, argv: readonly string[]): Promise<string> {
    const user = images[name].user ?? '0:0';
    // Node reads certificates that the machine's environment names; the image has none.
    const options = { env: { PATH: process.env.PATH ?? '' } };
    const { stdout } = await run(['chroot', `--userspec=${user}`, join(folder, name), ...argv], options);
    return stdout;
  }

  it('are the same bytes from the same sources', async () => {
    const again = await systemImages();
    expect(dockerArchive(again.webhook, again.agent).equals(dockerArchive(images.webhook, images.agent))).to.equal(
      true,
    );
  });

  it('have all that their programs need, and run as they are entered', async () => {
    for (const name of ['webhook', 'agent'] as const) {
      const help = await inside(name, [...images[name].entrypoint, '--help']);
      expect(help).to.match(new RegExp(`^multi-nic-${name}:`));
    }
    expect(await inside('agent', ['/app/multi-nic', '--version'])).to.match(/^multi-nic \d/);
  });

  it('the agent has koffi, with which it talks to the kernel', async () => {
    const script = `
      const { default: koffi } = await import('/app/node_modules/koffi/index.js');
      console.log(koffi.load('libc.so.6').func('int getpid()')())`;
    expect(Number(await inside('agent', ['/usr/bin/node', '--input-type=module', '-e', script]))).to.be.greaterThan(0);
  });

  it('have no shell and no other program', () => {
    const programs = (name: keyof SystemImages): string[] =>
      images[name].layers
        .flat()
        .filter(entry => 'content' in entry && (entry.mode ?? 0) & 0o111)
        .map(({ path }) => path)
        .filter(path => !/^lib(64)?\/.*\.so(\.\d+)?$/.test(path));
    expect(programs('webhook')).to.deep.equal(['usr/bin/node']);
    expect(programs('agent')).to.deep.equal(['usr/bin/node', 'app/multi-nic']);
  });

  it('share their lowest layer', () => {
    expect(images.webhook.layers[0]).to.equal(images.agent.layers[0]);
  });

  it('are what the Containerfile makes of the same files', () => {
    for (const name of ['webhook', 'agent'] as const) {
      const { entrypoint, user, env } = images[name];
      const said = stage(name);
      expect(JSON.parse(said.get('ENTRYPOINT') ?? '')).to.deep.equal(entrypoint);
      expect(said.get('USER')).to.equal(user);
      expect([said.get('ENV')]).to.deep.equal(env);
      expect(said.get('COPY')).to.equal(`--from=build /images/${name} /`);
    }
  });
});
