import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import { pino } from 'pino';
import type { HostInterface, HostNic } from '../../core/api/types.ts';
import { hostInterfaces } from '../../kube/api/resources.ts';
import { Informer } from '../../kube/watch/informer.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { type ConditionState, HostInterfaceWriter, linkStateMs } from './hostInterfaceWriter.ts';

const logger = pino({ enabled: false });
const { signal } = new AbortController();

const nic = (n: number): HostNic => ({
  ...{ interfaceName: `eth${n}`, hostIP: `172.20.${n}.1`, netAddress: `172.20.${n}.0/24` },
});
const eth = (n: number, more: Partial<HostNic> = {}): HostNic => ({
  ...{ ...nic(n), linkState: 'up', speedMbps: 100_000, ...more },
});
/** As the kernel tells it: what a link could do while it is down is unknown. */
const down = (n: number): HostNic => ({ ...nic(n), linkState: 'down' });
const condition = (type: string, status: 'True' | 'False'): ConditionState => ({
  ...{ type, status, reason: 'Any', message: '' },
});

/** The API server keeps what it is given; the time is the test's. */
describe('HostInterfaceWriter', () => {
  let server: AnsweringServer;
  let writer: HostInterfaceWriter;
  /** Labels that users have put on the object meanwhile. */
  let labels: Record<string, string>;
  /** What it was given, one after another. */
  let written: HostInterface[];
  let nowMs: number;

  beforeEach(async () => {
    written = [];
    labels = {};
    nowMs = 0;
    server = await AnsweringServer.start((request, response) => {
      void json(request).then(body => {
        const object = body as HostInterface;
        written.push(object);
        answerJson(response, 200, { ...object, metadata: { ...object.metadata, labels } });
      });
    });
    const { client } = server;
    const informer = new Informer<HostInterface>({ client, resource: hostInterfaces, logger });
    writer = new HostInterfaceWriter({ client, informer, node: 'n', logger, now: () => nowMs });
    await writer.writeNics([eth(1), eth(2)], signal);
  });

  afterEach(() => server[Symbol.asyncDispose]());

  const states = (): string[] =>
    written.map(({ spec }) => spec.interfaces.map(({ linkState }) => linkState ?? '').join(' '));

  it('writes the first change of a link at once, and what comes soon after it when that is due', async () => {
    expect(await writer.writeNics([down(1), eth(2)], signal)).to.equal(undefined);
    nowMs = 1000;
    expect(await writer.writeNics([eth(1), eth(2)], signal)).to.equal(linkStateMs - 1000);
    nowMs = 2000;
    expect(await writer.writeNics([eth(1), down(2)], signal)).to.equal(linkStateMs - 2000);
    expect(states()).to.deep.equal(['up up', 'down up']);
    nowMs = linkStateMs;
    expect(await writer.writeNics([eth(1), down(2)], signal)).to.equal(undefined);
    expect(states()).to.deep.equal(['up up', 'down up', 'up down']);
  });

  it('writes nothing for a link that is again as it was written', async () => {
    await writer.writeNics([down(1), eth(2)], signal);
    await writer.writeNics([eth(1), eth(2)], signal);
    expect(await writer.writeNics([down(1), eth(2)], signal)).to.equal(undefined);
    expect(states()).to.have.length(2);
  });

  it('writes anything else at once, and the links with it', async () => {
    await writer.writeNics([down(1), eth(2)], signal);
    expect(await writer.writeNics([eth(1), eth(2, { mtu: 9000 })], signal)).to.equal(undefined);
    expect(await writer.writeNics([eth(1)], signal)).to.equal(undefined);
    expect(states()).to.deep.equal(['up up', 'down up', 'up up', 'up']);
  });

  it("leaves the NICs of a user's object alone, and tells of its routes all the same, which networks wait for", async () => {
    labels = { 'multi-nic-unmanaged': 'True' };
    await writer.writeNics([eth(1)], signal);
    await writer.writeNics([eth(1), eth(2)], signal);
    await writer.writeConditions([condition('RoutesProgrammed', 'True')], signal);
    expect(states()).to.deep.equal(['up up', 'up', 'up']);
    expect(written.at(-1)?.status?.conditions).to.have.length(1);
    await writer.writeConditions([condition('RoutesProgrammed', 'True')], signal);
    expect(written).to.have.length(3);
  });

  it('writes a condition that flips with a link when that is due, and another one at once', async () => {
    const told = (): (string | undefined)[] =>
      (written.at(-1)?.status?.conditions ?? []).map(({ type, status }) => `${type} ${status}`);
    const of = (routes: 'True' | 'False', other: 'True' | 'False'): Promise<number | undefined> =>
      writer.writeConditions([condition('RoutesProgrammed', routes), condition('Forwarding', other)], signal);
    expect(await of('True', 'True')).to.equal(undefined);
    expect(await of('False', 'True')).to.equal(undefined);
    nowMs = 1000;
    expect(await of('True', 'True')).to.equal(linkStateMs - 1000);
    expect(told()).to.deep.equal(['RoutesProgrammed False', 'Forwarding True']);
    nowMs = linkStateMs;
    expect(await of('True', 'True')).to.equal(undefined);
    expect(await of('False', 'False')).to.equal(undefined);
    expect(told()).to.deep.equal(['RoutesProgrammed False', 'Forwarding False']);
  });
});

describe('HostInterfaceWriter, asked what is written', () => {
  it('takes what the API server keeps, also where that knows no alternative names yet', async () => {
    const spec = { hostName: 'n', interfaces: [eth(1)] };
    const object: HostInterface = {
      ...{ apiVersion: 'multinic.fms.io/v1', kind: 'HostInterface', spec },
      metadata: { name: 'n', resourceVersion: '5' },
    };
    await using server = await AnsweringServer.start(({ method, url = '' }, response) => {
      if (url.includes('watch=')) response.writeHead(200).flushHeaders();
      else if (method === 'PUT') answerJson(response, 200, object);
      else answerJson(response, 200, { metadata: { resourceVersion: '5' }, items: [object] });
    });
    const { client } = server;
    const informer = new Informer<HostInterface>({ client, resource: hostInterfaces, logger });
    const writer = new HostInterfaceWriter({ client, informer, node: 'n', logger });
    expect(writer.isTold([eth(1)])).to.equal(false);
    const stopping = new AbortController();
    const ended = informer.start(stopping.signal);
    await writer.synced;
    try {
      expect(writer.isTold([down(1)])).to.equal(true);
      const named = [eth(1, { altNames: ['enp1s0'] })];
      expect(writer.isTold(named)).to.equal(false);
      await writer.writeNics(named, signal);
      expect(writer.isTold(named)).to.equal(true);
    } finally {
      stopping.abort();
      await ended;
    }
  });
});
