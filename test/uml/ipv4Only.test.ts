import { join } from 'node:path';
import { expect } from 'chai';
import { coveredInUml } from '../netlink/support.ts';
import { bootUml } from './boot.ts';
import { requireUml } from './probe.ts';

describe('a kernel that was booted without IPv6, in User-Mode Linux', () => {
  before(async function () {
    this.timeout(300_000); // the first time it is fetched
    await requireUml(() => this.skip());
  });

  it('is configured over koffi and over ip', async function () {
    this.timeout(180_000);
    const repository = join(import.meta.dirname, '../..');
    const mocha = join(repository, 'node_modules/mocha/bin/mocha.js');
    const { exitCode, output } = await bootUml({
      command: [process.execPath, mocha, '--timeout=60000', 'test/netlink/ipv4Only.test.ts'],
      moduleParameters: { ipv6: 'disable=1' },
      cwd: repository,
      timeoutS: 150,
    });
    expect(exitCode, output).to.equal(0);
    expect(output, 'inside, there is no IPv6').to.not.contain(coveredInUml);
    expect(output).to.contain('2 passing');
  });
});
