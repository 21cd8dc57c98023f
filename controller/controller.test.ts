import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import pino from 'pino';
import { apiVersion } from '../core/api/names.ts';
import { formatPool } from '../core/pool/content.ts';
import { ipPools } from '../kube/api/resources.ts';
import { AnsweringServer, answerJson } from '../test/answeringServer.ts';
import { eventually } from '../test/eventually.ts';
import { createController } from './controller.ts';

const logger = pino({ enabled: false });
const election = { leaseDurationMs: 6_000, renewDeadlineMs: 4_000, retryPeriodMs: 100 };
const leaseOf = (holderIdentity: string): object => ({
  kind: 'Lease',
  metadata: { name: 'multi-nic-controller', namespace: 'multi-nic-system', resourceVersion: '1' },
  spec: { holderIdentity, leaseDurationSeconds: 6 },
});

/** What only an API server that is stuck can show; test/controller has the controller against a real one. */
describe('Controller, where the API server does not answer', () => {
  it('takes its lease and renews it beside reviews that wait', async () => {
    /** Methods of what was asked about leases. */
    const leaseCalls: string[] = [];
    let stuck = 0;
    await using server = await AnsweringServer.start(({ url = '', method = '' }, response) => {
      if (!url.includes('/leases')) {
        stuck++;
        return;
      }
      leaseCalls.push(method);
      answerJson(response, method === 'GET' ? 404 : 200, leaseOf(''));
    });
    const { client } = server;
    const calls = Array.from({ length: 64 }, (_, i) => client.get(ipPools, { name: `p-${i}` }).catch(() => undefined));
    await eventually('all connections in use', () => stuck >= 16);
    const controller = createController({ client, logger, options: { election } });
    const stop = new AbortController();
    const running = controller.start(stop.signal);
    try {
      await eventually('renewals', () => leaseCalls.filter(method => method === 'PUT').length >= 3, 20_000);
      expect(controller.isLeader).to.equal(true);
    } finally {
      stop.abort();
      await running;
      await client.close();
      await Promise.all(calls);
    }
  }).timeout(60_000);

  it('stops all that it does at once when another leads, also beside writes that wait', async () => {
    const watches = new Set<ServerResponse>();
    const writes: { readonly url: string; readonly response: ServerResponse }[] = [];
    let other: string | undefined;
    let begun: number;
    await using server = await AnsweringServer.start(({ url = '', method = '' }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://here');
      if (pathname.includes('/leases')) {
        if (method === 'PUT' && other !== undefined) answerJson(response, 409, { kind: 'Status', reason: 'Conflict' });
        else answerJson(response, method === 'GET' && other === undefined ? 404 : 200, leaseOf(other ?? ''));
      } else if (searchParams.has('watch')) {
        watches.add(response);
        response.on('close', () => watches.delete(response));
        response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      } else if (method === 'PUT') writes.push({ url, response });
      else
        answerJson(response, 200, poolAt(pathname) ?? { metadata: { resourceVersion: '1' }, items: itemsOf(pathname) });
    });
    const options = { election, times: { reservationMs: 0, sweepIntervalMs: 100 } };
    const controller = createController({ client: server.client, logger, options });
    const stop = new AbortController();
    const running = controller.start(stop.signal);
    try {
      await eventually('writes', () => writes.length > 0);
      await eventually('watches', () => watches.size > 0);
      other = 'another replica';
      await eventually('the end of all watches', () => !controller.isLeader && watches.size === 0, 30_000);
      begun = writes.length;
      for (const { url, response } of writes) {
        expect(response.closed, 'the write was given up').to.equal(false);
        answerJson(response, 200, poolAt(url.replace('/status', '')) ?? {});
      }
    } finally {
      stop.abort();
      await running;
    }
    expect(begun).to.be.lessThan(pages.length);
    expect(writes.length, 'writes begun later').to.equal(begun);
  }).timeout(60_000);
});

/** Pages with a reservation each that no pod has. */
const pages = Array.from({ length: 12 }, (_, page) => ({
  apiVersion,
  kind: 'IPPool',
  metadata: { name: `flat.page.${page}`, uid: `${page}`, resourceVersion: '1' },
  spec: { network: 'flat', page },
  status: formatPool({
    allocations: [
      {
        ...{ podUID: '', reservation: 'r', namespace: 'default', name: 'gone', interface: 'net1' },
        nics: [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: [`10.0.${page}.1/16`] }],
        ...{ state: 'Reserved', since: '2026-01-01T00:00:00Z' },
      },
    ],
    cursors: new Map(),
  }),
}));

function poolAt(path: string): object | undefined {
  return pages.find(({ metadata: { name } }) => path.endsWith(`/ippools/${name}`));
}

function itemsOf(path: string): readonly object[] {
  return path.endsWith('/ippools') ? pages : [];
}
