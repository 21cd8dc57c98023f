import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority } from '../../certs/authority.ts';
import { Component } from '../cluster/component.ts';
import type { Cluster } from '../cluster/index.ts';
import { freePort } from '../cluster/ports.ts';
import { eventually } from '../eventually.ts';
import { type Backend, Service } from '../system/service.ts';
import type { ReplicaArgs } from './times.ts';

/** Three webhooks (each with the controller), behind one address. */
export interface Replicas extends AsyncDisposable {
  readonly all: readonly Component[];
  readonly service: Service;
  readonly caCertificate: string;
  /** Waits until the Service calls all of them. @throws where one has ended, with the end of its log */
  ready(): Promise<void>;
}

/** By how much the clock of a replica jumps at SIGUSR2: the first one's forward, the second one's back. */
const jumps = ['3600000', '-3600000', '0'];

/** Starts the replicas as the account that they have in a cluster. They end with the test's process at the latest. */
export async function startReplicas(cluster: Cluster): Promise<Replicas> {
  const validity = { now: new Date(), lifetimeMs: 24 * 3600 * 1000 };
  const authority = await createAuthority({ commonName: 'webhook authority' }, validity);
  const leaf = await authority.issue({ ...validity, subject: { commonName: 'webhook' }, serverNames: ['127.0.0.1'] });
  const certificate = { cert: join(cluster.runFolder, 'tls.crt'), key: join(cluster.runFolder, 'tls.key') };
  writeFileSync(certificate.cert, leaf.certificate);
  writeFileSync(certificate.key, leaf.privateKey, { mode: 0o600 });
  const kubeconfig = await cluster.kubeconfigFor('system:serviceaccount:multi-nic-system:multi-nic-webhook');
  const backends: Backend[] = [];
  while (backends.length < jumps.length) backends.push({ port: await freePort(), healthPort: await freePort() });
  const all = backends.map((backend, i) => replica(cluster, i, { ...backend, kubeconfig, certificate }));
  const service = await Service.start(backends);
  for (const one of all) one.start();
  const ready = async (): Promise<void> => {
    await eventually('the replicas to be ready', () => service.ready === all.length || all.some(one => !one.running));
    const dead = all.find(one => !one.running);
    if (dead) throw new Error(`${dead.name} ended; ${dead.logFile}:\n${dead.logTail()}`);
  };
  await ready();
  return {
    all,
    service,
    caCertificate: authority.certificate,
    ready,
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map(one => one.stop()));
      await service[Symbol.asyncDispose]();
    },
  };
}

function replica(cluster: Cluster, i: number, args: ReplicaArgs): Component {
  const program = join(import.meta.dirname, 'replica.ts');
  const clock = join(import.meta.dirname, 'clock.ts');
  return new Component({
    name: `webhook-${i + 1}`,
    argv: [process.execPath, '--import', clock, program, JSON.stringify(args)],
    logFile: join(cluster.logs, `webhook-${i + 1}.log`),
    env: { ...process.env, CLOCK_JUMP_MS: jumps[i] },
  });
}
