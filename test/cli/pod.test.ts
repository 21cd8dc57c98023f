import { join } from 'node:path';
import { expect } from 'chai';
import { run, type RunResult } from '../../build/run.ts';
import { annotation, apiGroup, label } from '../../core/api/names.ts';
import type { Diagnosis } from '../../core/diagnosis/diagnose.ts';
import { hostInterfaces, namespaces, type Pod, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { createNetwork } from '../webhook/networks.ts';
import { addressesOf, bound, createNamespace, podOf, useWebhookCluster } from '../webhook/support.ts';

const root = join(import.meta.dirname, '../..');
const namespace = 'asked';
const on = (node: string) => ({ nodeSelector: { 'kubernetes.io/hostname': node } });

describe('kubectl-multinic pod, against a real API server, scheduler and webhook', function () {
  this.timeout(120_000);
  const running = useWebhookCluster();

  before(async () => {
    const { client } = running();
    await createNetwork(client, 'asked', { subnet: '10.231.0.0/16', namespaces: [namespace] });
    await createNamespace(client, namespace);
  });

  const ask = (...args: string[]): Promise<RunResult> =>
    run([process.execPath, join(root, 'cli/main.ts'), 'pod', '--kubeconfig', running().cluster.kubeconfig, ...args], {
      allowFailure: true,
    });
  const verdictOf = ({ stdout }: RunResult): string => stdout.trimEnd().split('\n').at(-1) ?? '';
  const create = (name: string, spec = {}, of = namespace): Promise<Pod> =>
    running().client.create(pods, podOf({ namespace: of, name, spec }));

  /** What the kubelet and whoever calls the CNI executable would write. */
  async function startsWith(name: string, addresses: readonly string[]): Promise<void> {
    const { client } = running();
    const status = addresses.map((address, i) => ({
      ...{ name: `${namespace}/asked`, interface: `net1-${i}`, dns: {} },
      ips: [address.replace(/\/.*/, '')],
    }));
    const annotations = { [annotation.networkStatus]: JSON.stringify(status) };
    await client.patch(pods, { namespace, name }, 'merge', { metadata: { annotations } });
    const phase = { status: { phase: 'Running' } };
    await client.patch(pods, { namespace, name }, 'merge', phase, { subresource: 'status' });
  }

  it('says what a good pod has, and then that a NIC of its node is down', async () => {
    const { client } = running();
    await create('good', on('fake-1'));
    const addresses = addressesOf(await bound(client, { namespace, name: 'good' }));
    const waiting = await ask('-n', namespace, 'good');
    expect(waiting.code).to.equal(1);
    expect(verdictOf(waiting)).to.match(
      /^pod asked\/good waits for net1 of asked: node fake-1: no pod of the agent is on it/,
    );
    await startsWith('good', addresses);
    const good = await ask('-n', namespace, 'good');
    expect([good.code, good.stderr]).to.deep.equal([0, '']);
    expect(good.stdout)
      .to.contain('admission decided: net1-0 on eth1 10.231.')
      .and.match(/ippool asked.fake-1: Allocated since .*: net1-0 on eth1 10\.231\./)
      .and.contain('NICs: eth1 up, eth2 up');
    expect(verdictOf(good)).to.match(
      /^pod asked\/good has all its NICs: net1-0 10\.231\.[\d.]+, net1-1 10\.231\.[\d.]+$/,
    );

    const { spec } = await client.get(hostInterfaces, { name: 'fake-1' });
    const interfaces = spec.interfaces.map((nic, i) => ({ ...nic, linkState: i === 0 ? 'down' : 'up' }));
    await client.patch(hostInterfaces, { name: 'fake-1' }, 'merge', { spec: { interfaces } });
    const down = await ask('-n', namespace, 'good', '-o', 'json');
    await client.patch(hostInterfaces, { name: 'fake-1' }, 'merge', { spec });
    const { verdict, node, lines } = JSON.parse(down.stdout) as Diagnosis;
    expect(node).to.equal('fake-1');
    expect(verdict).to.match(/; but node fake-1: eth1, which the pod uses, is down$/);
    expect(lines.find(({ kind }) => kind === 'problem')?.fix).to.contain('kubectl describe hostinterface');
  });

  it('tells what disagrees: an interface that lacks, an address that no record has', async () => {
    await create('odd', on('fake-2'));
    const addresses = addressesOf(await bound(running().client, { namespace, name: 'odd' }));
    await startsWith('odd', addresses.slice(0, 1));
    const fewer = await ask('-n', namespace, 'odd');
    expect(fewer.code).to.equal(1);
    expect(fewer.stdout).to.contain(' ! the pod has fewer interfaces');
    await startsWith('odd', [addresses[0]!, '10.9.9.9']);
    const strange = await ask('-n', namespace, 'odd');
    expect(strange.code).to.equal(1);
    expect(verdictOf(strange)).to.contain('has its NICs, but something disagrees: audit, foreign: net1-1 has 10.9.9.9');
  });

  it('says why a pod was not decided on: no label, one that came later, an opt-out, the host’s network', async () => {
    const { client } = running();
    await createNamespace(client, 'unlabelled', {});
    await create('early', {}, 'unlabelled');
    const without = await ask('-n', 'unlabelled', 'early');
    expect(without.code).to.equal(1);
    expect(without.stdout).to.contain(`> kubectl label namespace unlabelled ${label.injection}=enabled`);
    expect(verdictOf(without)).to.equal(
      `pod unlabelled/early gets no NICs: admission left it alone: its namespace has no label ${label.injection}=enabled`,
    );
    const labels = { [label.injection]: 'enabled' };
    await client.patch(namespaces, { name: 'unlabelled' }, 'merge', { metadata: { labels } });
    await createNetwork(client, 'later', { subnet: '10.232.0.0/16', namespaces: ['unlabelled'] });
    const later = await ask('-n', 'unlabelled', 'early');
    expect(verdictOf(later)).to.match(
      /gets no NICs: admission was not asked: it was created at .*, before its namespace had the label/,
    );
    expect(later.stdout).to.contain('Create it again: it would get later.');

    await client.create(pods, podOf({ namespace, name: 'out', labels: { [label.injection]: 'disabled' } }));
    expect(verdictOf(await ask('-n', namespace, 'out'))).to.contain(`it has the label ${label.injection}=disabled`);
    await create('host', { hostNetwork: true });
    expect(verdictOf(await ask('-n', namespace, 'host'))).to.contain('it uses the host network');
  });

  it('says what the scheduler says of a pod that no node takes: no address left, or no such node', async () => {
    const { client } = running();
    // Three bits for pods: six addresses on each NIC of a node.
    await createNamespace(client, 'full');
    await createNetwork(client, 'full', { subnet: '10.233.0.0/21', namespaces: ['full'] });
    const names = Array.from({ length: 7 }, (_, i) => `pod-${i}`);
    for (const name of names) await create(name, on('fake-1'), 'full');
    await create('nowhere', on('fake-9'), 'full');
    const refused = async (name: string): Promise<string | false> => {
      const { code, stdout } = await ask('-n', 'full', name);
      return code === 1 && stdout.includes('event FailedScheduling') && stdout;
    };
    const isBound = async (name: string) =>
      Boolean((await client.get(pods, { namespace: 'full', name })).spec?.nodeName);
    const full = await eventually('one pod to be refused by its node', async () => {
      const waiting = [];
      for (const name of names) if (!(await isBound(name))) waiting.push(name);
      return waiting.length === 1 && refused(waiting[0]!);
    });
    expect(full).to.match(/^pod full\/pod-\d waits for net1 of full: event FailedScheduling: .*MNN_POOL_FULL.*Free/m);
    const nowhere = await eventually('the scheduler to have tried', () => refused('nowhere'));
    expect(nowhere).to.match(
      /^pod full\/nowhere waits for net1 of full: event FailedScheduling: .* nodes are available: /m,
    );
  });

  it('needs no more rights than its page names, and names all that lack', async () => {
    const { cluster } = running();
    const kubeconfig = await cluster.kubeconfigFor('asker');
    const denied = await ask('--kubeconfig', kubeconfig, '-n', namespace, 'good');
    expect(denied.code).to.equal(2);
    expect(denied.stderr).to.match(
      /cannot get resource "pods".*\n.*cannot get resource "namespaces".*\n.*cannot list resource "multinicnetworks"/,
    );
    const ours = ['multinicnetworks', 'hostinterfaces', 'cidrs', 'ippools'].map(name => `${name}.${apiGroup}`);
    const resources = ['pods', 'namespaces', 'events', ...ours].join();
    await cluster.kubectl(['create', 'clusterrole', 'asker', '--verb=get,list', `--resource=${resources}`]);
    await cluster.kubectl(['create', 'clusterrolebinding', 'asker', '--clusterrole=asker', '--user=asker']);
    const { code, stdout } = await eventually('the rights to hold', async () => {
      const answer = await ask('--kubeconfig', kubeconfig, '-n', namespace, 'good');
      return answer.code !== 2 && answer;
    });
    expect(code).to.equal(0);
    expect(stdout)
      .to.contain('whether the webhook is registered is not known: ')
      .and.contain('whether its node is ready is not known: ');
  });

  it('ends with 2 where there is no such pod, or no name', async () => {
    const gone = await ask('-n', namespace, 'gone');
    expect(gone.code).to.equal(2);
    expect(gone.stderr).to.contain('it cannot be told what the pod has').and.contain('"gone" not found');
    expect((await ask()).code).to.equal(2);
  });
});
