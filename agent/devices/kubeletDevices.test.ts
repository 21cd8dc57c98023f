import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { GrpcServer, type Method } from '../../test/devices/grpcServer.ts';
import { GrpcError, grpcStatus } from './grpc.ts';
import { KubeletDevices } from './kubeletDevices.ts';
import { bytesField, int64Field, textOf } from './protobuf.ts';

interface Told {
  resource: string;
  ids: string[];
  nodes?: number[];
}

function podMessage(namespace: string, name: string, containers: Told[][]): Buffer {
  const devices = ({ resource, ids, nodes }: Told): Buffer => {
    const topology = nodes?.map(node => bytesField(1, node === 0 ? '' : int64Field(1, node)));
    return Buffer.concat([
      bytesField(1, resource),
      ...ids.map(id => bytesField(2, id)),
      ...(topology ? [bytesField(3, Buffer.concat(topology))] : []),
    ]);
  };
  return Buffer.concat([
    bytesField(1, name),
    bytesField(2, namespace),
    ...containers.map(told =>
      bytesField(3, Buffer.concat([bytesField(1, 'c'), ...told.map(one => bytesField(2, devices(one)))])),
    ),
  ]);
}

/** The field pod_resources of both responses. */
const response = (...pods: Buffer[]): Buffer => Buffer.concat(pods.map(pod => bytesField(1, pod)));

const ours = podMessage('team', 'w-0', [
  [{ resource: 'nvidia.com/gpu', ids: ['GPU-b'], nodes: [1] }],
  [
    { resource: 'nvidia.com/gpu', ids: ['GPU-a'], nodes: [0] },
    { resource: 'example.com/vf', ids: ['0000:3b:02.1', '0000:3b:01.0'] },
    { resource: 'example.com/both', ids: ['x'], nodes: [0, 1] },
  ],
]);
const known = [
  { resource: 'example.com/both', id: 'x', numaNodes: [0, 1] },
  { resource: 'example.com/vf', id: '0000:3b:01.0', numaNodes: [] },
  { resource: 'example.com/vf', id: '0000:3b:02.1', numaNodes: [] },
  { resource: 'nvidia.com/gpu', id: 'GPU-a', numaNodes: [0] },
  { resource: 'nvidia.com/gpu', id: 'GPU-b', numaNodes: [1] },
];

const [get, list, alpha] = [
  '/v1.PodResourcesLister/Get',
  '/v1.PodResourcesLister/List',
  '/v1alpha1.PodResourcesLister/List',
];

describe('KubeletDevices', () => {
  let folder: string;
  const logged: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => logged.push(line) });
  const pod = { metadata: { namespace: 'team', name: 'w-0', uid: 'u1' }, spec: { containers: [] } };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubelet-'));
    await mkdir(join(folder, 'pod-resources'));
    await mkdir(join(folder, 'device-plugins'));
    logged.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  const socket = () => join(folder, 'pod-resources/kubelet.sock');
  const serve = (methods: Record<string, Method>) => GrpcServer.listen(socket(), methods);
  const devices = (signal = new AbortController().signal) => new KubeletDevices(folder, logger).of(pod, signal);
  const checkpoint = (entries: object[]) =>
    writeFile(
      join(folder, 'device-plugins/kubelet_internal_checkpoint'),
      JSON.stringify({ Data: { PodDeviceEntries: entries, RegisteredDevices: {} }, Checksum: 1 }),
    );

  it('asks for the one pod where the kubelet has Get', async () => {
    await using server = await serve({
      [get]: message => {
        expect([textOf(message, 1), textOf(message, 2)]).to.deep.equal(['w-0', 'team']);
        return response(ours);
      },
    });
    expect(await devices()).to.deep.equal(known);
    expect(server.called).to.deep.equal([get]);
  });

  it('finds the pod in the list, by name and namespace', async () => {
    const others = [podMessage('other', 'w-0', [[{ resource: 'a/b', ids: ['1'] }]]), podMessage('team', 'w-1', [])];
    await using server = await serve({
      [get]: () => {
        throw new GrpcError(grpcStatus.unknown, 'PodResources API Get method disabled');
      },
      [list]: () => response(...others, ours),
    });
    expect(await devices()).to.deep.equal(known);
    expect(server.called).to.deep.equal([get, list]);
  });

  it('takes v1alpha1 where there is no v1, and an answer of many frames', async () => {
    const many = Array.from({ length: 2000 }, (_, i) =>
      podMessage('team', `x-${i}`, [[{ resource: 'a/b', ids: ['1'] }]]),
    );
    await using server = await serve({ [alpha]: () => response(...many, ours) });
    expect(await devices()).to.deep.equal(known);
    expect(server.called).to.deep.equal([get, list, alpha]);
  });

  it('believes a kubelet that has assigned the pod nothing', async () => {
    await checkpoint([{ PodUID: 'u1', ResourceName: 'a/b', DeviceIDs: ['1'] }]);
    await using server = await serve({ [list]: () => response(podMessage('team', 'w-0', [[]])) });
    expect(await devices()).to.deep.equal([]);
    expect(server.called).to.deep.equal([get, list]);
  });

  const inCheckpoint = [
    { resource: 'a/b', id: '1', numaNodes: [] },
    { resource: 'a/b', id: '2', numaNodes: [0, 1] },
    { resource: 'a/b', id: '3', numaNodes: [1] },
    { resource: 'c/d', id: '4', numaNodes: [] },
  ];
  const entries = [
    { PodUID: 'u1', ContainerName: 'c', ResourceName: 'c/d', DeviceIDs: ['4'] },
    { PodUID: 'u1', ContainerName: 'c', ResourceName: 'a/b', DeviceIDs: { '-1': ['1'], 0: ['2'], 1: ['3', '2'] } },
    { PodUID: 'u2', ContainerName: 'c', ResourceName: 'a/b', DeviceIDs: ['5'] },
  ];

  it('reads the checkpoint where nobody serves the socket', async () => {
    expect(await devices()).to.deep.equal([]);
    await checkpoint(entries);
    expect(await devices()).to.deep.equal(inCheckpoint);
    expect(logged.filter(line => !line.includes('"level":20'))).to.deep.equal([]);
  });

  for (const [what, methods] of Object.entries<Record<string, Method>>({
    'does not know the pod': { [list]: () => response() },
    refuses: {
      [list]: () => {
        throw new GrpcError(grpcStatus.resourceExhausted, 'rejected by rate limit');
      },
    },
    'answers nonsense': { [list]: () => Buffer.from([0x0a, 0x7f]) },
    'answers more than can be': { [list]: () => Buffer.alloc(17 * 1024 * 1024) },
  })) {
    it(`reads the checkpoint where the kubelet ${what}`, async () => {
      await checkpoint(entries);
      await using server = await serve(methods);
      expect(await devices()).to.deep.equal(inCheckpoint);
      expect(server.called).to.include(list);
    });
  }

  it('reads the checkpoint where the kubelet hangs, and ends with the call', async () => {
    await checkpoint(entries);
    const server = createServer();
    server.listen(socket());
    await once(server, 'listening');
    try {
      expect(await devices()).to.deep.equal(inCheckpoint);
      expect(logged.join()).to.contain('no answer within 2000 ms');
      const call = new AbortController();
      const ended = devices(call.signal).catch((error: unknown) => String(error));
      call.abort(new Error('the call is over'));
      expect(await ended).to.contain('the call is over');
    } finally {
      server.close();
    }
  });

  it('says what is wrong where neither can be read', async () => {
    await writeFile(join(folder, 'device-plugins/kubelet_internal_checkpoint'), '{');
    const failure = await devices().catch((error: unknown) => String(error));
    expect(failure).to.contain(
      'MNN_KUBELET_DEVICES: the devices of pod team/w-0 are not known: PodResources: Error: connect ENOENT',
    );
  });
});
