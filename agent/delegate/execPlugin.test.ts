import { copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
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
});
