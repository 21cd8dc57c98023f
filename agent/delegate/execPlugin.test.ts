import { copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { run } from '../../build/run.ts';
import { CniError } from '../../core/cni/error.ts';
import { execPlugin } from './execPlugin.ts';

describe('execPlugin', () => {
  it('names the plugin that cannot be started while somebody writes its executable', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'multi-nic-plugin-'));
    try {
      const executable = join(folder, 'busy');
      await copyFile('/bin/sleep', executable);
      await using writer = await open(executable, 'r+');
      const failure: unknown = await execPlugin({ executable, command: 'DEL', env: {}, conf: {} }).catch(
        (error: unknown) => error,
      );
      expect(writer.fd).to.be.greaterThan(0);
      expect(failure).to.be.instanceOf(CniError).and.to.include({ code: 103 });
      expect((failure as CniError).message).to.equal(`plugin ${executable}, DEL: spawn ETXTBSY`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names the plugin that cannot be started while the agent has no file left to open', async () => {
    const script = `
      import { openSync } from 'node:fs';
      import { execPlugin } from ${JSON.stringify(join(import.meta.dirname, 'execPlugin.ts'))};
      const call = { executable: '/bin/true', command: 'DEL', env: {}, conf: {} };
      await execPlugin(call);
      try {
        for (;;) openSync('/dev/null');
      } catch {
        await execPlugin(call).catch(error => process.stdout.write(error.message));
      }`;
    const node = [process.execPath, '--input-type=module', '--eval', script];
    const { code, stdout } = await run(['sh', '-c', 'ulimit -n 64; exec "$@"', 'sh', ...node], { allowFailure: true });
    expect([code, stdout]).to.deep.equal([0, 'plugin /bin/true, DEL: spawn /bin/true EMFILE']);
  });
});
