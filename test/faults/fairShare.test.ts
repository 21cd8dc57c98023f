import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { KubeClient } from '../../kube/api/client.ts';
import { pods } from '../../kube/api/resources.ts';
import type { Cluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { podOf } from '../webhook/support.ts';
import { type FaultSite, namespace, startFaultSite } from './site.ts';

const manifest = join(import.meta.dirname, '../../manifests/components/current/fair-share.yaml');

/** So few requests at a time that those who create pods have them all. */
const few = ['--max-requests-inflight=20', '--max-mutating-requests-inflight=10'];

describe('an API server that is asked for as much as it does at once', function () {
  this.timeout(600_000);
  let site: FaultSite;
  let operator: KubeClient;

  before(async () => {
    site = await startFaultSite(few);
    const { cluster } = site;
    await cluster.kubectl(['apply', '--validate=false', '-f', '-'], { input: fairShare(cluster.version) });
    const user = 'system:serviceaccount:batch:operator';
    await cluster.kubectl([
      'create',
      'clusterrolebinding',
      'operator',
      '--clusterrole=cluster-admin',
      `--user=${user}`,
    ]);
    operator = await KubeClient.connect({ kubeconfig: await cluster.kubeconfigFor(user), maxConnections: 32 });
  });
  after(async () => {
    await operator?.close();
    await site?.[Symbol.asyncDispose]();
  });

  const create = (name: string): Promise<unknown> =>
    operator.create(pods, podOf({ namespace, name, spec: { schedulerName: 'nobody' } }));

  it('answers the webhooks, though all its other requests wait for them', async () => {
    const isCreated = (): Promise<boolean> => create('first').then(Boolean, () => false);
    await eventually('the API server to go by the new share', isCreated, 60_000);
    let next = 0;
    const work = async (): Promise<void> => {
      for (let i = next++; i < 200; i = next++) await create(`pod-${i}`);
    };
    await Promise.all(Array.from({ length: 32 }, work));
    const { items } = await site.client.list(pods, { namespace });
    expect(items).to.have.length(201);
  });
});

/** The manifest, as API servers before 1.29 take it. */
function fairShare({ minor }: Cluster['version']): string {
  const text = readFileSync(manifest, 'utf8');
  const dated = (version: string): string => text.replaceAll('k8s.io/v1\n', `k8s.io/${version}\n`);
  if (minor >= 29) return text;
  return minor >= 26 ? dated('v1beta3') : dated('v1beta1').replace('nominalConcurrency', 'assuredConcurrency');
}
