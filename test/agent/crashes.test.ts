import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { dieAtVariable, steps } from '../../agent/base/steps.ts';
import { readPool } from '../../core/pool/content.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import type { Host } from './host.ts';
import { networkSpec } from './networks.ts';
import { linkNames, multusConfig, resultOf, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

/** What a call may find after a crash: the same sandbox, or one whose namespace is gone. */
const aftermaths = ['DEL', 'the next ADD', 'GC', 'DEL without its namespace'] as const;
type Aftermath = (typeof aftermaths)[number];

const network = 'fragile';
const withoutDelegates = (step: string): boolean => !/delegate|ipam|moved/.test(step);

describe('agent: killed at every step', function () {
  this.timeout(180_000);
  let site: Site;
  let host: Host;
  let bystander: Sandbox;
  let untouched: Inventory;

  before(async function () {
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    await site.addNetwork(network, networkSpec({ type: 'ptp', vlanMode: 'l3' }, 240));
    bystander = await Sandbox.make(site, host, 'bystander');
    await bystander.add(await multusConfig(site, network));
    await eventually("the network's rule", () => host.namespace.ip('rule').includes('10.240.0.0/16'));
    untouched = await inventory();
  });
  after(async () => {
    bystander[Symbol.dispose]();
    await site[Symbol.asyncDispose]();
  });

  interface Inventory {
    readonly links: string[];
    readonly routes: string;
    readonly rules: string;
    readonly checkpoint: string[];
    readonly holders: string[];
  }

  /** Everything of ours on the host, and who holds addresses. */
  async function inventory(): Promise<Inventory> {
    const pool = await site.client.find(ipPools, { name: `${network}.${host.nodeName}` });
    const held = readPool(pool).allocations.filter(({ state }) => state !== 'Released');
    return {
      links: linkNames(host.namespace),
      routes: host.namespace.ip('route', 'show', 'table', 'all', 'proto', '77'),
      rules: host.namespace.ip('rule'),
      checkpoint: readdirSync(join(host.folder, 'state', 'attachments')),
      holders: held.map(({ name }) => name),
    };
  }

  async function dieDuring(work: () => Promise<{ exitCode: number | null }>, step: string): Promise<void> {
    await host.stopAgent('SIGKILL');
    await host.startAgent({ [dieAtVariable]: step });
    expect((await work()).exitCode, `${step}: the agent was there to the end`).not.to.equal(0);
    await host.startAgent();
  }

  async function cleanUp(sandbox: Sandbox, config: object, aftermath: Aftermath): Promise<void> {
    if (aftermath === 'DEL without its namespace') sandbox.namespace[Symbol.dispose]();
    if (aftermath === 'the next ADD') {
      const result = resultOf(await sandbox.call('ADD', config));
      expect(sandbox.links()).to.deep.equal(['net1-0', 'net1-1']);
      expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    }
    if (aftermath === 'GC') {
      const valid = [{ containerID: bystander.containerId, ifname: 'net1' }];
      const gc = { ...config, cniVersion: '1.1.0', 'cni.dev/valid-attachments': valid };
      expect(await sandbox.call('GC', gc)).to.include({ exitCode: 0, stdout: '' });
    } else {
      await sandbox.del(config);
    }
    if (sandbox.namespace.exists) expect(sandbox.links()).to.deep.equal([]);
  }

  async function expectNothingLeft(name: string): Promise<void> {
    await site.removePod(name);
    await eventually(`nothing is left of ${name}`, async () => {
      expect(await inventory()).to.deep.equal(untouched);
      return true;
    });
    const config = await multusConfig(site, network);
    expect(await bystander.check(config, {})).to.include({ exitCode: 0, stdout: '' });
  }

  for (const step of steps.filter(step => step.startsWith('add.') && withoutDelegates(step))) {
    for (const aftermath of aftermaths) {
      it(`ADD, ${step}: ${aftermath} leaves nothing`, async () => {
        const name = `${step}-${aftermath}`.toLowerCase().replaceAll(/[^a-z]+/g, '-');
        const config = await multusConfig(site, network);
        using sandbox = await Sandbox.make(site, host, name);
        await dieDuring(() => sandbox.call('ADD', config), step);
        await cleanUp(sandbox, config, aftermath);
        await expectNothingLeft(name);
      });
    }
  }

  for (const step of steps.filter(step => step.startsWith('del.') && withoutDelegates(step))) {
    for (const aftermath of ['DEL', 'GC', 'DEL without its namespace'] as const) {
      it(`DEL, ${step}: ${aftermath} leaves nothing`, async () => {
        const name = `${step}-${aftermath}`.toLowerCase().replaceAll(/[^a-z]+/g, '-');
        const config = await multusConfig(site, network);
        using sandbox = await Sandbox.make(site, host, name);
        await sandbox.add(config);
        await dieDuring(() => sandbox.call('DEL', config), step);
        await cleanUp(sandbox, config, aftermath);
        await expectNothingLeft(name);
      });
    }
  }
});
