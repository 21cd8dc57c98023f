import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Answer, AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { KubeClient } from './client.ts';
import { defaultConnection, inClusterConnection } from './connection.ts';
import { ApiError, TransportError } from './errors.ts';
import { leases } from './resources.ts';

/** What only a server that misbehaves on purpose can show; test/kube has the same client against a real API server. */
describe('KubeClient, against a server that misbehaves', () => {
  let server: AnsweringServer;
  let answer: Answer;
  let requests: string[];
  let token = 'first';
  let client: KubeClient;

  beforeEach(async () => {
    requests = [];
    token = 'first';
    server = await AnsweringServer.start((request, response) => {
      requests.push(`${request.method} ${request.headers.authorization}`);
      answer(request, response);
    });
    client = new KubeClient({
      server: `${server.url}/prefix`,
      credentials: () => Promise.resolve({ headers: { authorization: token }, tls: {} }),
    });
  });

  afterEach(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
  });

  const ref = { namespace: 'ns', name: 'a' };
  const object = { metadata: ref, spec: {} };

  it('retries when a throttling server says so, also a write', async () => {
    answer = (_, response) => {
      if (requests.length < 3) answerJson(response, 429, { kind: 'Status', code: 429 }, { 'retry-after': '0' });
      else answerJson(response, 201, object);
    };
    expect((await client.create(leases, object)).metadata.name).to.equal('a');
    expect(requests).to.have.length(3);
  });

  it('ends a retry at the deadline of the call, with the words of the server', async () => {
    answer = (_, response) => {
      answerJson(response, 429, { kind: 'Status', message: 'too many requests' }, { 'retry-after': '60' });
    };
    const error = await client.get(leases, ref, { timeoutMs: 100 }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ApiError).with.property('retryAfterS', 60);
    expect(requests).to.have.length(1);
  });

  it('repeats a read whose connection broke, never a write', async () => {
    answer = (request, response) => {
      if (requests.length === 1 || request.method === 'POST') request.socket.destroy();
      else answerJson(response, 200, object);
    };
    expect((await client.get(leases, ref)).metadata.name).to.equal('a');
    expect(requests).to.have.length(2);
    const error = await client.create(leases, object).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(TransportError).with.property('code', 'connection');
    expect(requests).to.have.length(3);
  });

  it('leaves its other connections, too, when one that was silent for a whole call proves that its other end is gone', async () => {
    const gone = new Set<object>();
    const open = new Set<object>();
    answer = (request, response) => {
      open.add(request.socket);
      // As one machine of several control plane nodes that has lost its power.
      if (!gone.has(request.socket)) setTimeout(() => answerJson(response, 200, object), 20);
    };
    await Promise.all(Array.from({ length: 4 }, () => client.get(leases, ref)));
    for (const socket of open) gone.add(socket);
    expect(gone).to.have.property('size', 4);
    const error = await client.update(leases, object, { timeoutMs: 700 }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(TransportError).with.property('code', 'timeout');
    expect((await client.update(leases, object, { timeoutMs: 1000 })).metadata.name).to.equal('a');
  });

  it('keeps its other connections where a call had hardly any time: a healthy server is silent for longer', async () => {
    const open = new Set<object>();
    answer = (request, response) => {
      open.add(request.socket);
      setTimeout(() => answerJson(response, 200, object), 50);
    };
    const four = (): Promise<unknown> => Promise.all(Array.from({ length: 4 }, () => client.get(leases, ref)));
    await four();
    const error = await client.update(leases, object, { timeoutMs: 5 }).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(TransportError).with.property('code', 'timeout');
    await four();
    expect(open, 'with one in the place of that of the late call').to.have.property('size', 5);
  });

  it('reads its credentials again when they are refused', async () => {
    answer = (request, response) => {
      if (request.headers.authorization === 'second') answerJson(response, 200, object);
      else answerJson(response, 401, { kind: 'Status', code: 401, reason: 'Unauthorized' });
    };
    const refused = await client.get(leases, ref).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(ApiError).with.property('status', 401);
    token = 'second';
    await client.get(leases, ref);
    expect(requests).to.deep.equal(['GET first', 'GET first', 'GET first', 'GET second']);
  });

  it('keeps the path prefix of a server, and shows what a proxy says in plain text', async () => {
    answer = (request, response) => {
      response.writeHead(502, { 'content-type': 'text/plain' }).end(`no upstream for ${request.url}\n`);
    };
    const error = await client.get(leases, ref).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ApiError);
    expect((error as Error).message).to.match(
      /502 no upstream for \/prefix\/apis\/coordination.k8s.io\/v1\/namespaces\/ns\/leases\/a$/,
    );
  });
});

describe('connections', () => {
  let folder: string;
  const saved = { ...process.env };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-connection-'));
  });

  afterEach(async () => {
    process.env = { ...saved };
    await rm(folder, { recursive: true });
  });

  it('of a pod: reads token and authority again each time, and writes IPv6 addresses in brackets', async () => {
    process.env.KUBERNETES_SERVICE_HOST = 'fd00::1';
    process.env.KUBERNETES_SERVICE_PORT = '6443';
    await writeFile(join(folder, 'ca.crt'), 'CA');
    await writeFile(join(folder, 'token'), 'one\n');
    const connection = inClusterConnection(folder);
    expect(connection.server).to.equal('https://[fd00::1]:6443');
    expect(await connection.credentials()).to.deep.equal({
      headers: { authorization: 'Bearer one' },
      tls: { ca: 'CA' },
    });
    await writeFile(join(folder, 'token'), 'two');
    expect((await connection.credentials()).headers.authorization).to.equal('Bearer two');
  });

  it('of a kubeconfig: takes the asked context, or the current one, and refuses a proxy that it would not use', async () => {
    const kubeconfig = join(folder, 'config');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'plain', cluster: { server: 'https://one.example/' } },
        { name: 'proxied', cluster: { server: 'https://two.example', 'proxy-url': 'http://proxy.example' } },
      ],
      users: [{ name: 'me', user: { token: 'secret' } }],
      contexts: [
        { name: 'a', context: { cluster: 'plain', user: 'me' } },
        { name: 'b', context: { cluster: 'proxied', user: 'me' } },
      ],
      'current-context': 'b',
    };
    await writeFile(kubeconfig, JSON.stringify(config));
    const connection = await defaultConnection({ kubeconfig, context: 'a' });
    expect(connection.server).to.equal('https://one.example');
    expect((await connection.credentials()).headers).to.deep.equal({ authorization: 'Bearer secret' });
    const error = await defaultConnection({ kubeconfig }).catch((thrown: unknown) => thrown);
    expect((error as Error).message).to.include('proxy-url');
  });
});
