import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import pino from 'pino';
import { KubeClient } from '../kube/api/client.ts';
import { ipPools } from '../kube/api/resources.ts';
import { eventually } from '../test/eventually.ts';
import { createController } from './controller.ts';

/** What only an API server that is stuck can show; test/controller has the controller against a real one. */
describe('Controller, beside reviews that the API server does not answer', () => {
  let server: Server;
  let client: KubeClient;
  /** Methods of what was asked about leases. */
  const leaseCalls: string[] = [];
  let stuck = 0;

  before(async () => {
    server = createServer((request, response) => {
      request.resume();
      if (!request.url?.includes('/leases')) {
        stuck++;
        return;
      }
      leaseCalls.push(request.method ?? '');
      const status = request.method === 'GET' ? 404 : 200;
      const lease = { kind: 'Lease', metadata: { name: 'multi-nic-controller', namespace: 'multi-nic-system' } };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(lease));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = new KubeClient({
      server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: () => Promise.resolve({ headers: {}, tls: {} }),
    });
  });

  after(async () => {
    await client.close();
    server.close();
    server.closeAllConnections();
  });

  it('takes its lease and renews it', async () => {
    const calls = Array.from({ length: 64 }, (_, i) => client.get(ipPools, { name: `p-${i}` }).catch(() => undefined));
    await eventually('all connections in use', () => stuck >= 16);
    const election = { leaseDurationMs: 6_000, renewDeadlineMs: 4_000, retryPeriodMs: 100 };
    const controller = createController({ client, log: pino({ enabled: false }), options: { election } });
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
});
