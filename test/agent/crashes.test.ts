import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { steps } from '../../agent/base/steps.ts';
import { readPool } from '../../core/pool/content.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import type { Host } from './host.ts';
import { type Aftermath, aftermaths, cleanUp, killedDuring } from './killed.ts';
import { networkSpec } from './networks.ts';
import { linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

const network = 'fragile';
const withoutDelegates = (step: string): boolean => !/delegate|chain|ipam|moved/.test(step);

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

  const links = ['net1-0', 'net1-1'];
  const afterwards = (sandbox: Sandbox, config: object, aftermath: Aftermath): Promise<void> => {
    const valid = [{ containerID: bystander.containerId, ifname: 'net1' }];
    return cleanUp(sandbox, config, aftermath, { links, valid });
  };

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
        await killedDuring(host, () => sandbox.call('ADD', config), step);
        await afterwards(sandbox, config, aftermath);
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
        await killedDuring(host, () => sandbox.call('DEL', config), step);
        await afterwards(sandbox, config, aftermath);
        await expectNothingLeft(name);
      });
    }
  }
});
