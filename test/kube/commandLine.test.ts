import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import packageJson from '../../package.json' with { type: 'json' };

const { version } = packageJson;
const root = join(import.meta.dirname, '../..');

interface Ended {
  code: unknown;
  stdout: string;
  stderr: string;
}

/** Runs a program of ours to its end, without an API server that it could reach. */
function run(program: string, ...args: string[]): Promise<Ended> {
  return new Promise(resolve => {
    const env = {
      PATH: process.env.PATH,
      HOME: '/nowhere',
      NODE_NAME: 'gpu-07',
      MULTI_NIC_SOCKET: '/nowhere/cni.sock',
    };
    execFile(process.execPath, [join(root, program), ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

describe('programs', function () {
  this.timeout(60_000);

  for (const [program, name] of [
    ['webhook/main.ts', 'multi-nic-webhook'],
    ['agent/main.ts', 'multi-nic-agent'],
    ['cli/main.ts', 'kubectl-multinic'],
  ] as const) {
    it(`${name}: a wrong flag gets two lines`, async () => {
      const { code, stdout, stderr } = await run(program, '--prot=1');
      expect([code, stdout]).to.deep.equal([2, '']);
      const [what, where, ...more] = stderr.trimEnd().split('\n');
      expect(what).to.match(new RegExp(`^${name}: Unknown option '--prot'\\.?$`));
      expect(where).to.match(/^See /);
      expect(more).to.deep.equal([]);
    });

    for (const flag of ['--help', '-h']) {
      it(`${name}: ${flag} tells what it is`, async () => {
        const { code, stdout, stderr } = await run(program, flag);
        expect([code, stderr]).to.deep.equal([0, '']);
        expect(stdout).to.match(new RegExp(`^${name}: `));
      });
    }

    it(`${name}: --version tells which release it is`, async () => {
      const { code, stdout } = await run(program, '--version');
      expect([code, stdout]).to.deep.equal([0, `${name} ${version}\n`]);
    });
  }

  it('kubectl-multinic alone tells what it is', async () => {
    const { code, stdout } = await run('cli/main.ts');
    expect(code).to.equal(0);
    expect(stdout).to.match(/^kubectl-multinic: /);
  });

  it('the webhook says first why it ends', async () => {
    const { code, stderr } = await run('webhook/main.ts', '--kubeconfig=/nowhere/config');
    expect(code).to.equal(1);
    expect(stderr).to.match(/^multi-nic-webhook: Error: ENOENT: no such file or directory, open '\/nowhere\/config'\n/);
  });
});
