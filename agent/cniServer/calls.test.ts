import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { KubeClient } from '../../kube/api/client.ts';
import { KeyedSerial } from '../base/serial.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { AddsUnderWay } from '../copies/addsUnderWay.ts';
import { PodSource } from '../copies/podSource.ts';
import { CniCalls } from './calls.ts';
import type { CniContext } from './context.ts';

const logger = pino({ level: 'silent' });

let folder: string;
let checkpoint: Checkpoint;

/** What ADD rests on before it decides. */
function callsWith(context: Pick<CniContext, 'synced'> & Partial<CniContext>): CniCalls {
  const sandboxes = new KeyedSerial();
  return new CniCalls({ logger, checkpoint, sandboxes, ...context } as CniContext, undefined, { addLimitMs: 100 });
}

async function add(calls: CniCalls): Promise<unknown[]> {
  const env = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'c0ffee',
    CNI_NETNS: '/proc/self/ns/net',
    CNI_NETNS_OVERRIDE: '1',
    CNI_IFNAME: 'net1',
    CNI_ARGS: 'K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod',
  };
  const stdin = JSON.stringify({ cniVersion: '1.1.0', name: 'net', type: 'multi-nic', plugin: {} });
  const { stdout } = await calls.answer({ version: 1, env, stdin });
  const { code, details } = JSON.parse(stdout) as { code: number; details: string };
  return [code, details.split(':')[0]];
}

describe('CniCalls', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-calls-'));
    checkpoint = await Checkpoint.open(folder, logger);
  });
  after(() => rm(folder, { recursive: true }));

  it('end an ADD that takes too long, and also one that has waited for it too long', async () => {
    const calls = callsWith({ synced: new Promise(() => undefined) });
    expect(await Promise.all([add(calls), add(calls)])).to.deep.equal([
      [11, 'MNN_AGENT_NOT_READY'],
      [11, 'MNN_AGENT_NOT_READY'],
    ]);
  });

  it('are in the log also where they succeed, for who asks for that much', async () => {
    const lines: string[] = [];
    const debugging = pino({ level: 'debug' }, { write: line => lines.push(line) });
    const calls = callsWith({ synced: Promise.resolve(), logger: debugging });
    await calls.answer({ version: 1, env: { CNI_COMMAND: 'VERSION' }, stdin: '{"cniVersion":"1.1.0"}' });
    expect(lines.map(line => JSON.parse(line) as object)).to.have.length(1);
    expect(lines[0]).to.contain('"command":"VERSION"').and.to.contain('CNI call answered');
  });

  it('ask the runtime to try again where the API server does not answer', async () => {
    await using client = new KubeClient({
      server: 'http://127.0.0.1:1',
      credentials: () => Promise.resolve({ headers: {}, tls: {} }),
    });
    const adds = new AddsUnderWay(new PodSource({ client, node: 'node', logger }));
    expect(await add(callsWith({ synced: Promise.resolve(), adds }))).to.deep.equal([11, 'MNN_DEADLINE']);
  });
});
