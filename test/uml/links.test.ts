import { join } from 'node:path';
import { expect } from 'chai';
import { coveredInUml } from '../netlink/support.ts';
import { bootUml } from './boot.ts';
import { requireUml } from './probe.ts';

/** All of the tests over koffi. Over ip those of types that this kernel may lack: its others run natively, and each costs seconds here. */
const titles = 'koffi|ipvlan|a vlan|a vrf|a dummy';

describe('link types that this kernel may lack, in User-Mode Linux', () => {
  before(async function () {
    this.timeout(300_000); // the first time it is fetched
    await requireUml(() => this.skip());
  });

  it('ipvlan in every mode, vlan, vrf and dummy, over koffi and over ip, each compared with iproute2', async function () {
    this.timeout(600_000);
    const repository = join(import.meta.dirname, '../..');
    const { exitCode, output } = await bootUml({
      command: [
        process.execPath,
        join(repository, 'node_modules/mocha/bin/mocha.js'),
        '--timeout=120000',
        `--grep=${titles}`,
        'test/netlink/links.test.ts',
      ],
      cwd: repository,
      timeoutS: 550,
    });
    expect(exitCode, output).to.equal(0);
    expect(output, 'inside, every type is there').to.not.contain(coveredInUml);
    expect(output).to.match(/\d+ passing/);
  });
});
