import { expect } from 'chai';
import pino from 'pino';
import { createInformers } from '../../controller/context/informers.ts';
import { NetworkSurveys } from '../../controller/context/networkSurveys.ts';
import { InterfaceReuse, type Reuse } from '../../controller/reconcilers/interfaceReuse.ts';
import type { HostInterface, InterfaceIndex } from '../../core/api/types.ts';
import { readNetwork } from '../../core/network/network.ts';
import { AnsweringServer, answerJson } from '../answeringServer.ts';
import { host, network } from './support.ts';

const logger = pino({ level: 'silent' });
const absenceMs = 10 * 60_000;
const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

describe('Interface indexes for NICs that none is left for', () => {
  /** Hosts have NICs in 172.20.1.0/24 and 172.20.2.0/24; others are gone. */
  const goneSince = (...minutes: number[]): InterfaceIndex[] =>
    minutes.map((since, index) => ({ index, netAddress: `172.20.9${index}.0/24`, ordinal: 0, goneSince: ago(since) }));

  interface Answers {
    /** What the API server lists of each resource, or with what it refuses. */
    hostinterfaces?: object[] | number;
    ippools?: object[] | number;
    pods?: object[] | number;
  }

  /** @param interfaceBlock of the network: 1 has two indexes */
  async function find(
    stored: InterfaceIndex[],
    answers: Answers,
    interfaceBlock = 1,
  ): Promise<Reuse & { asked: string[] }> {
    const asked: string[] = [];
    await using server = await AnsweringServer.start((request, response) => {
      const resource = (new URL(request.url ?? '', 'http://api').pathname.split('/').at(-1) ?? '') as keyof Answers;
      asked.push(resource);
      const items = answers[resource] ?? [];
      if (typeof items === 'number') answerJson(response, items, { kind: 'Status', code: items, message: 'refused' });
      else answerJson(response, 200, { items, metadata: { resourceVersion: '1' } });
    });
    const { client } = server;
    const hosts = [host('n-0', 0)];
    const context = {
      client,
      logger,
      informers: createInformers(client, logger),
      surveys: new NetworkSurveys(() => hosts),
    };
    const object = network('net', { masterNets: [] }, { interfaceBlock });
    const known = {
      object: { ...object, status: { interfaces: stored } as never },
      state: { network: readNetwork(object), interfaces: stored },
    };
    const reuse = await new InterfaceReuse(context, absenceMs).find(known, new AbortController().signal);
    return { ...reuse, asked };
  }

  it('are those whose NICs went first, and no more than are needed', async () => {
    const all = goneSince(20, 40, 30, 60);
    const { free, kept } = await find(all, {}, 2);
    expect([...free]).to.deep.equal([3, 1]);
    expect(kept).to.deep.equal([]);
  });

  it('are not looked for while there are others', async () => {
    const { free, asked } = await find(goneSince(20, 20), {}, 2);
    expect([[...free], asked]).to.deep.equal([[], []]);
  });

  it('are not those of NICs that were there a moment ago: nobody is asked before their time', async () => {
    const { free, kept, againMs, asked } = await find(goneSince(1, 4), {});
    expect([[...free], asked]).to.deep.equal([[], []]);
    expect(kept[0]).to.match(/^index 1 of 172\.20\.91\.0\/24 .*, gone since .*, is kept: for 10 minutes$/);
    expect(againMs).to.be.within(5 * 60_000, 6 * 60_000);
  });

  const other: HostInterface = host('n-1', 1);
  other.spec.interfaces[0]!.netAddress = '172.20.90.0/24';
  const pool = (lines: string[]) => ({
    metadata: { name: 'net.n-7' },
    spec: { network: 'net', hostName: 'n-7', blocks: [] },
    status: { allocations: lines },
  });
  const line = (state: string, address: string): string =>
    `${state} default/a net1 eth1@172.20.90.0/24=${address}/17 since=2026-01-01T00:00:00Z uid=u`;
  const holding: [what: string, answers: Answers, free: number[], words: string | undefined][] = [
    ['a host has the NIC, which the copies do not know', { hostinterfaces: [other] }, [1], 'host n-1 has it'],
    [
      'a pod holds an address',
      { ippools: [pool([line('Allocated', '10.200.0.5')])] },
      [1],
      'pod default/a holds 10.200.0.5 (ippool net.n-7)',
    ],
    [
      'a pod is about to get an address',
      { ippools: [pool([line('Reserved', '10.200.128.5')])] },
      [0],
      'pod default/a holds 10.200.128.5 (ippool net.n-7)',
    ],
    [
      'somebody has spoilt a pool',
      { ippools: [pool(['scribble'])] },
      [],
      'ippool net.n-7 has lines that are not records',
    ],
    ['addresses are only resting', { ippools: [pool([line('Released', '10.200.0.5')])] }, [0, 1], undefined],
    [
      'the API server does not tell the hosts',
      { hostinterfaces: 500 },
      [],
      'the API server did not say who holds addresses under it',
    ],
    [
      'the API server does not tell the pools',
      { ippools: 403 },
      [],
      'the API server did not say who holds addresses under it',
    ],
    [
      'the API server does not tell the pods',
      { pods: 403 },
      [],
      'the API server did not say who holds addresses under it',
    ],
  ];
  for (const [what, answers, free, words] of holding) {
    it(`${free.length === 2 ? 'do not stay' : 'stay'} where ${what}`, async () => {
      const found = await find(goneSince(20, 20), answers);
      expect([...found.free]).to.deep.equal(free);
      if (words !== undefined) expect(found.kept.join()).to.contain(`is kept: ${words}`);
      expect(found.againMs).to.be.within(1, 60_000);
    });
  }
});
