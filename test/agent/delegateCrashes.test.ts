import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Step, steps } from '../../agent/base/steps.ts';
import { readPool } from '../../core/pool/content.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { spec } from './delegateSpec.ts';
import type { Host } from './host.ts';
import { type Aftermath, aftermaths, cleanUp, killedDuring } from './killed.ts';
import { linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

/** Steps of a kind of network, each as often as it comes with its NICs. Beside Multus, no status waits: withoutMultus.test.ts has that step. */
const stepsOf = (omitted: readonly Step[], repeated: readonly Step[]): string[] =>
  steps
    .filter(step => step !== 'status.waiting' && !omitted.includes(step))
    .flatMap(step => (repeated.includes(step) ? [`${step}:1`, `${step}:2`] : [step]));

const chainSteps = ['add.chain.noted', 'add.chain.called', 'del.chain'] as const;

/**
 * An IPAM plugin gives two NICs addresses of one subnet, so that there are rules; a plugin moves a NIC of the host into the pod, and two that follow change it
 * there.
 */
const networks = {
  leased: {
    steps: stepsOf(
      [...chainSteps, 'del.delegate', 'del.moved'],
      ['add.delegate.noted', 'add.delegate.called', 'del.ipam'],
    ),
    links: ['net1-0', 'net1-1'],
  },
  moved: { steps: stepsOf(['del.ipam'], chainSteps), links: ['net1-0'] },
} as const;
type Network = keyof typeof networks;

describe('agent: killed at every step beside other plugins', function () {
  this.timeout(180_000);
  let site: Site;
  let host: Host;
  let leases: string;
  let tuned: string;
  let untouched: object;

  before(async function () {
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    leases = join(host.folder, 'leases');
    const ranges = [[{ subnet: '198.51.100.0/24' }]];
    await site.addNetwork('leased', spec({ type: 'host-local', dataDir: leases, ranges }, {}));
    tuned = join(host.folder, 'tuned');
    const chain = [{ type: 'tuning', args: { dataDir: tuned, mtu: '1300', allmulti: 'true' } }, { type: 'sbr' }];
    await site.addNetwork('moved', spec({ type: 'host-device-ipam' }, { type: 'host-device', chain }));
    untouched = await inventory();
  });
  after(() => site?.[Symbol.asyncDispose]());

  /** Everything of the host that a pod may have, and who has it. */
  async function inventory(): Promise<object> {
    const { namespace } = host;
    const { items } = await site.client.list(ipPools);
    const records = items.flatMap(pool => readPool(pool).allocations);
    return {
      links: linkNames(namespace).sort(),
      addresses: ['eth1', 'eth2'].map(nic => namespace.ip('-o', '-4', 'address', 'show', 'dev', nic, 'up')),
      changed: ['eth1', 'eth2'].map(nic => /(ALLMULTI.*)?mtu \d+/.exec(namespace.ip('link', 'show', 'dev', nic))?.[0]),
      tuned: filesIn(tuned),
      leased: filesIn(join(leases, 'leased')).filter(name => /^\d/.test(name)),
      checkpoint: filesIn(join(host.folder, 'state', 'attachments')),
      holders: records.filter(({ state }) => state !== 'Released').map(({ name }) => name),
    };
  }

  async function killed(network: Network, step: string, aftermath: Aftermath): Promise<void> {
    const name = `${network}-${step}-${aftermath}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
    const { links } = networks[network];
    const cniArgs = network === 'moved' ? { masters: ['eth2'] } : { nics: links.length };
    const config = await multusConfig(site, network, { cniArgs });
    using sandbox = await Sandbox.make(site, host, name);
    const command = step.startsWith('del.') ? 'DEL' : 'ADD';
    if (command === 'DEL') await sandbox.add(config);
    await killedDuring(host, () => sandbox.call(command, config), step);
    await cleanUp(sandbox, config, aftermath, { links });
    await site.removePod(name);
    await eventually(`nothing is left of ${name}`, async () => {
      expect(await inventory()).to.deep.equal(untouched);
      return true;
    });
  }

  /** A namespace of tests takes a NIC that is in it along; movedNics.ts has what becomes of one. */
  const isPossible = (network: Network, step: string, aftermath: Aftermath): boolean =>
    aftermath === 'the next ADD' ? step.startsWith('add.') : network === 'leased' || aftermath === 'GC';

  for (const [network, what] of [
    ['moved', 'a NIC that moves'],
    ['leased', 'an IPAM plugin'],
  ] as const) {
    for (const [i, step] of networks[network].steps.entries()) {
      const others = aftermaths.filter(is => is !== 'DEL' && isPossible(network, step, is));
      const possible = ['DEL', ...others] as const;
      // What these have in common with all networks is followed by each aftermath in crashes.test.ts: here by one of them in turn.
      const isPlugins = /delegate|chain|ipam|moved/.test(step);
      const chosen = isPlugins ? (['DEL', others[i % others.length]!] as const) : [possible[i % possible.length]!];
      for (const aftermath of chosen) {
        it(`${what}, ${step}: ${aftermath} leaves nothing`, () => killed(network, step, aftermath));
      }
    }
  }
});

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not made yet
  }
}
