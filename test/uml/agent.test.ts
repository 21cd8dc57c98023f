import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildCni } from '../../build/buildCni.ts';
import { run } from '../../build/run.ts';
import { letIn } from '../agent/outside.ts';
import { outsideEnvironment, startSiteCluster } from '../agent/siteApi.ts';
import { coveredInUml } from '../netlink/support.ts';
import { bootUml, ownEnvironment } from './boot.ts';
import { planUmlNetwork } from './network.ts';
import { requireUml } from './probe.ts';

const repository = join(import.meta.dirname, '../..');

/** The tests that natively say that they are covered here, by a word of their titles. */
const titles = 'ipvlan|VLAN';

const mocha = join(repository, 'node_modules/mocha/bin/mocha.js');

describe('the agent and the CNI executable with link types that this kernel may lack, in User-Mode Linux', () => {
  before(async function () {
    this.timeout(300_000); // the first time it is fetched
    if (process.getuid?.() !== 0) this.skip();
    await requireUml(() => this.skip());
  });

  it('ipvlan l2, l3 and l3s between two hosts, against a real API server', async function () {
    this.timeout(1_800_000);
    const network = planUmlNetwork();
    await using cluster = await startSiteCluster();
    const api = await letIn(cluster, network.hostAddress);
    await buildCni();
    const cache = await compileCache();
    try {
      const { exitCode, output } = await bootUml({
        command: [
          process.execPath,
          mocha,
          '--no-color',
          '--reporter=test/reporter.cjs',
          `--grep=${titles}`,
          'test/agent/*.test.ts',
        ],
        // What the agents write is in memory: the host's files are far away from in there.
        env: { ...ownEnvironment(), ...outsideEnvironment(api), TMPDIR: '/dev/shm', NODE_COMPILE_CACHE: cache },
        cwd: repository,
        network,
        forwardedPorts: [Number(new URL(api.server).port)],
        memoryMb: 1536,
        modules: ['bonding'],
        timeoutS: 1750,
        onOutput: text => process.stdout.write(text.replaceAll(/^(?=.)/gm, '    | ')),
      });
      expect(exitCode, 'the exit code of the tests inside').to.equal(0);
      expect(output, 'inside, every type is there').to.not.contain(coveredInUml);
      expect(output).to.match(/[1-9]\d* passed, 0 failed, 0 skipped/);
    } finally {
      await rm(cache, { recursive: true });
    }
  });
});

/** A folder with the compiled form of the programs that are started inside, many times: most of a start's work there. */
async function compileCache(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'multi-nic-compiled-'));
  for (const program of ['agent/main.ts', 'test/agent/reach.ts']) {
    const env = { ...process.env, NODE_COMPILE_CACHE: folder };
    await run([process.execPath, join(repository, program), '--help'], { env });
  }
  return folder;
}
