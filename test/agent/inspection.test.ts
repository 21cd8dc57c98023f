import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { readFound } from '../../core/annotation/foundInterfaces.ts';
import { annotation } from '../../core/api/names.ts';
import { pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { ptpSpec } from './cniCalls.ts';
import { testTimeoutMs } from './inside.ts';
import { multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

describe('agent: interfaces that somebody has changed in the pod', function () {
  this.timeout(testTimeoutMs);
  let site: Site;

  before(async () => {
    site = await Site.start({ hosts: 1, nics: 2, agentOptions: ['--inspect-interval=0.2'] });
    await site.addNetwork('plain', ptpSpec(220, { routes: [{ dst: '192.0.2.0/24', gw: '10.220.0.61' }] }));
  });
  after(() => site?.[Symbol.asyncDispose]());

  /** The addresses of each interface that the agent has found; undefined where all is as it was made. */
  async function found({ pod }: Sandbox): Promise<string[][] | undefined> {
    const { metadata } = await site.client.get(pods, pod.metadata);
    const { uid = '', annotations } = metadata;
    return readFound(annotations?.[annotation.foundInterfaces], uid)?.map(({ ips }) => ips);
  }

  it('are told in its annotation, for the audit, until they are as they were made', async () => {
    const config = await multusConfig(site, 'plain', { cniArgs: { nics: 2 } });
    const [host] = site.hosts;
    using sound = await Sandbox.make(site, host!, 'sound');
    using pod = await Sandbox.make(site, host!, 'changed');
    await sound.add(config);
    const { ips } = await pod.add(config);
    const [first, second] = ips.map(({ address }) => address.split('/')[0]!) as [string, string];
    pod.namespace.ip('address', 'add', '10.220.0.60/32', 'dev', 'net1-0');
    // No other pod is given that of a router, which moves between pods that are routers.
    pod.namespace.ip('address', 'add', '10.220.0.61/32', 'dev', 'net1-0');
    pod.namespace.ip('address', 'flush', 'dev', 'net1-1');
    const both = [[first, '10.220.0.60'], []];
    await eventually('both are told', async () => isDeepStrictEqual(await found(pod), both));
    pod.namespace.ip('address', 'del', '10.220.0.60/32', 'dev', 'net1-0');
    pod.namespace.ip('address', 'add', `${second}/32`, 'dev', 'net1-1');
    await eventually('nothing is told', async () => (await found(pod)) === undefined);
    expect(await found(sound)).to.equal(undefined);
    await Promise.all([pod.del(config), sound.del(config)]);
  });
});
