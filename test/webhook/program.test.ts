import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { KubeClient } from '../../kube/api/client.ts';
import { multiNicNetworks, pods } from '../../kube/api/resources.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import {
  addressesOf,
  bound,
  createHosts,
  createNamespace,
  installResources,
  nodeNames,
  podOf,
  servingCertificate,
} from './support.ts';

const root = join(import.meta.dirname, '../..');

describe('the webhook program with the controller, and no more rights than its manifests give', function () {
  this.timeout(900_000);
  let cluster: Cluster;
  let client: KubeClient;
  let program: ChildProcess;
  let serving: Awaited<ReturnType<typeof servingCertificate>>;
  const lines: Record<string, unknown>[] = [];
  const ports = { https: 0, health: 0 };

  before(async () => {
    cluster = await startCluster({ name: 'program', fakeNodes: nodeNames.map(name => ({ name })), scheduler: true });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    await installResources(cluster);
    await cluster.kubectl(['create', 'namespace', 'multi-nic-system']);
    await cluster.kubectl(['apply', '-f', join(root, 'manifests/base/webhook/rbac.yaml')]);
    await createHosts(client);
    serving = await servingCertificate();
    const user = 'system:serviceaccount:multi-nic-system:multi-nic-webhook';
    const args = [
      ...['--port', '0', '--health-port', '0', '--drain-seconds', '0'],
      ...['--kubeconfig', await cluster.kubeconfigFor(user)],
      ...['--cert', serving.certificate.cert, '--key', serving.certificate.key],
    ];
    program = spawn(process.execPath, [join(root, 'webhook/main.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface(program.stdout!).on('line', line => lines.push(JSON.parse(line) as Record<string, unknown>));
    ports.https = await eventually('the program to listen', () => {
      if (program.exitCode !== null) throw new Error(`The program ended: ${JSON.stringify(lines.slice(-3))}`);
      return Promise.resolve(lines.find(({ msg }) => msg === 'admission server listens')?.port as number | undefined);
    });
    await installWebhooks(client, { port: ports.https, caCertificate: serving.caCertificate });
  });

  after(async () => {
    if (program.exitCode === null && program.signalCode === null) {
      program.kill('SIGKILL');
      await once(program, 'exit');
    }
    rmSync(serving.folder, { recursive: true });
    await client.close();
    await cluster.stop();
  });

  it('says first which release it is', () => {
    expect(lines[0])
      .to.include({ msg: 'starting' })
      .and.have.property('version')
      .that.matches(/^\d+\./);
  });

  it('takes a network from its manifest to pods with addresses', async () => {
    const file = join(root, 'manifests/samples/ipvlanl3.yaml');
    await cluster.kubectl(['apply', '-f', file]);
    const { items } = await client.list(multiNicNetworks);
    const name = items[0]?.metadata.name ?? '';
    await eventually('the network to be ready', async () => {
      const { status } = await client.get(multiNicNetworks, { name });
      return status?.discovery.cidrProcessed === nodeNames.length;
    });
    await createNamespace(client, 'team');
    const created = await Promise.all(
      Array.from({ length: 9 }, () => client.create(pods, podOf({ namespace: 'team', generateName: 'w-' }))),
    );
    const all = await Promise.all(
      created.map(({ metadata }) => bound(client, { namespace: 'team', name: metadata.name })),
    );
    const addresses = all.flatMap(addressesOf);
    expect(new Set(addresses).size).to.equal(18);
  });

  it('has never been refused anything, nor failed', () => {
    expect(lines.filter(({ level }) => level === 'error' || level === 'warn')).to.deep.equal([]);
  });

  it('ends in order when it is asked to', async () => {
    program.kill('SIGTERM');
    const [code] = (await once(program, 'exit')) as [number | null];
    expect(code).to.equal(0);
  });
});
