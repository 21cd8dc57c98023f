import { cpSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import pino from 'pino';
import type { KubeClient } from '../../kube/api/client.ts';
import { type Lease, leases } from '../../kube/api/resources.ts';
import type { Cluster } from '../cluster/index.ts';

export const silent = pino({ enabled: false });

/** A logger whose lines can be read. */
export function readableLogger() {
  const lines: { level: number; msg: string; err?: { message: string } }[] = [];
  const logger = pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) },
  );
  return { logger, lines };
}

export function lease(name: string, spec: Lease['spec'] = {}, namespace = 'default'): Lease {
  return { metadata: { name, namespace }, spec: { ...spec } };
}

/** Creates many leases, as small objects that need no controller. */
export async function createLeases(client: KubeClient, names: readonly string[]): Promise<void> {
  const left = [...names];
  const work = async () => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) await client.create(leases, lease(name));
  };
  await Promise.all(Array.from({ length: 16 }, work));
}

/** What etcd has now, which it can be brought back to: as an administrator does after a disaster, who restarts the API server, too. */
export async function takeSnapshot(cluster: Cluster): Promise<AsyncDisposable & { restore(): Promise<void> }> {
  const folder = etcdArgument(cluster, '--data-dir');
  const copy = `${folder}-snapshot`;
  const whileStopped = async (work: () => void): Promise<void> => {
    await cluster.apiServer.stop();
    await cluster.etcd.stop();
    work();
    cluster.etcd.start();
    cluster.apiServer.start();
    await cluster.waitUntilReady();
  };
  await whileStopped(() => {
    cpSync(folder, copy, { recursive: true });
  });
  return {
    restore: () =>
      whileStopped(() => {
        rmSync(folder, { recursive: true });
        cpSync(copy, folder, { recursive: true });
      }),
    [Symbol.asyncDispose]: () => rm(copy, { recursive: true }),
  };
}

function etcdArgument(cluster: Cluster, name: string): string {
  const argv = readFileSync(`/proc/${cluster.etcd.pid}/cmdline`, 'utf8').split('\0');
  return argv[argv.indexOf(name) + 1] ?? '';
}

/** Speaks to etcd behind the API server's back, through its JSON gateway (etcd.io: "Why gRPC gateway"). */
export async function etcd<Answer>(cluster: Cluster, method: string, body: object, service = 'kv'): Promise<Answer> {
  const endpoint = etcdArgument(cluster, '--listen-client-urls');
  const response = await fetch(`${endpoint}/v3/${service}/${method}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd ${method}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** Has etcd forget every state but the latest, as the API server does every five minutes. */
export async function compact(cluster: Cluster): Promise<void> {
  // One write more, as a watch may still start at the very revision that is compacted, and would lack what was deleted in it.
  const written = { key: base64('/test/compaction'), value: '' };
  const { header } = await etcd<{ header: { revision: string } }>(cluster, 'put', written);
  await etcd(cluster, 'compaction', { revision: header.revision, physical: true });
}

/** Has etcd store nothing, as where its quota is used up, until that is taken back: reads go on. */
export async function outOfSpace(cluster: Cluster, action: 'ACTIVATE' | 'DEACTIVATE'): Promise<void> {
  await etcd(cluster, 'alarm', { action, alarm: 'NOSPACE' }, 'maintenance');
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
