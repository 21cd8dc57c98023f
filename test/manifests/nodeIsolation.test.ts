import { join } from 'node:path';
import { expect } from 'chai';
import { renderingKubectl } from '../../build/kubectl.ts';
import { run } from '../../build/run.ts';
import { annotation, apiVersion, systemNamespace } from '../../core/api/names.ts';
import type { HostInterface, IPPool, IPPoolSpec } from '../../core/api/types.ts';
import { nodePoolName, pagePoolName } from '../../core/pool/name.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { ApiError } from '../../kube/api/errors.ts';
import { hostInterfaces, ipPools, type Pod, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { applyManifests } from '../system/apply.ts';
import { root, useSchemaCluster } from './cluster.ts';

const account = { namespace: systemNamespace, name: 'multi-nic-agent' };
const own = 'isolated-1';
const other = 'isolated-2';
const network = 'isolated';

describe('component node-isolation', function () {
  this.timeout(120_000);
  const cluster = useSchemaCluster();
  let manifest: string;

  before(async () => {
    const folder = join(root, 'manifests/components/node-isolation');
    manifest = (await run([await renderingKubectl(), 'kustomize', folder])).stdout;
  });

  it('holds an agent to what is its own node’s, where the server knows policies; others refuse the component', async () => {
    if (cluster().version.minor < 30) {
      const { stderr } = await cluster().kubectl(['apply', '-f', '-'], { input: manifest, allowFailure: true });
      expect(stderr).to.contain('no matches for kind "ValidatingAdmissionPolicy"');
      return;
    }
    await applyManifests(cluster(), 'manifests/base/namespace.yaml', 'manifests/base/agent/rbac.yaml');
    await cluster().kubectl(['apply', '-f', '-'], { input: manifest });
    try {
      await holds();
    } finally {
      await cluster().kubectl(['delete', '-f', '-'], { input: manifest });
      await cluster().kubectl(['delete', 'hostinterfaces,ippools', '--all']);
      await cluster().kubectl(['delete', 'pods', '--all', '-n', systemNamespace, '--grace-period=0', '--force']);
    }
  });

  async function holds(): Promise<void> {
    const [ownPod, otherPod] = [await agentPod(own), await agentPod(other)];
    await using admin = await KubeClient.connect({ kubeconfig: cluster().kubeconfig });
    await using agent = await agentOf(ownPod);
    await using otherAgent = await agentOf(otherPod);
    await using nowhere = await agentOf();

    const isRefused = async (): Promise<boolean> =>
      (await refusal(nowhere.create(ipPools, poolOf(own), { dryRun: true }))) !== '';
    await eventually('the API server to go by the policy', isRefused);
    await refused('says of no node', nowhere.create(hostInterfaces, hostOf(own)));

    const host = await agent.create(hostInterfaces, hostOf(own));
    const updated = await agent.update(hostInterfaces, { ...host, metadata: { ...host.metadata, labels: { a: 'b' } } });
    await agent.updateStatus(hostInterfaces, { ...updated, status: { conditions: [] } });
    const otherHost = await otherAgent.create(hostInterfaces, hostOf(other));
    await refused(
      'agents write the HostInterface of their own node only',
      agent.create(hostInterfaces, hostOf('isolated-3')),
      agent.update(hostInterfaces, { ...otherHost, spec: { ...otherHost.spec, hostName: own } }),
      agent.updateStatus(hostInterfaces, { ...otherHost, status: { conditions: [] } }),
    );

    const used = { allocations: [], used: 1 };
    for (const pool of [poolOf(own), pageOf(3)]) {
      await agent.updateStatus(ipPools, { ...(await agent.create(ipPools, pool)), status: used });
    }
    // A page is everybody's.
    await otherAgent.updateStatus(ipPools, { ...(await admin.get(ipPools, pageOf(3).metadata)), status: used });
    const otherPool = await otherAgent.create(ipPools, poolOf(other));
    await refused(
      'agents write the IPPools of their own node, and pages',
      agent.create(ipPools, poolOf('isolated-3')),
      agent.updateStatus(ipPools, { ...otherPool, status: used }),
    );
    const { metadata } = poolOf('isolated-3');
    await refused(
      'agents name an IPPool as its network and their own node, or its page',
      agent.create(ipPools, { ...poolOf(own), metadata }),
      agent.create(ipPools, { ...pageOf(4), metadata }),
    );

    const status = { metadata: { annotations: { [annotation.networkStatus]: '[]' } } };
    const patch = ({ metadata }: Pod) => agent.patch(pods, metadata, 'merge', status, { subresource: 'status' });
    await patch(ownPod);
    await refused('agents write the status of pods of their own node only', patch(otherPod));
    // Nobody else is asked where he is.
    await admin.patch(pods, otherPod.metadata, 'merge', status, { subresource: 'status' });
  }

  /** The agent of a node, as far as the API server knows it. */
  async function agentPod(node: string): Promise<Pod> {
    const spec = { serviceAccountName: account.name, nodeName: node, containers: [{ name: 'agent', image: 'none' }] };
    const metadata = { name: `agent-${node}`, namespace: account.namespace };
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
    const { stdout } = await cluster().kubectl(['create', '-o', 'json', '-f', '-'], { input });
    return JSON.parse(stdout) as Pod;
  }

  /** A client with a token of the pod; without one, with a token that no pod got. */
  async function agentOf(pod?: Pod): Promise<KubeClient & AsyncDisposable> {
    const identity = pod && { name: pod.metadata.name, uid: pod.metadata.uid ?? '' };
    const kubeconfig = await cluster().tokenKubeconfigFor(account, identity);
    return KubeClient.connect({ kubeconfig });
  }
});

function hostOf(node: string): HostInterface {
  return { apiVersion, kind: 'HostInterface', metadata: { name: node }, spec: { hostName: node, interfaces: [] } };
}

function poolOf(node: string): IPPool {
  return pool(nodePoolName(network, node), { network, hostName: node, blocks: ['10.200.0.0/26'] });
}

function pageOf(page: number): IPPool {
  return pool(pagePoolName(network, page), { network, page, blocks: ['10.201.0.0/24'] });
}

function pool(name: string, spec: IPPoolSpec): IPPool {
  return { apiVersion, kind: 'IPPool', metadata: { name }, spec };
}

/** Expects each of the writes to be forbidden, with these words. */
async function refused(why: string, ...writes: Promise<unknown>[]): Promise<void> {
  for (const message of await Promise.all(writes.map(refusal))) expect(message).to.contain(why);
}

/** What the API server forbids a write with; empty where it does not. */
async function refusal(write: Promise<unknown>): Promise<string> {
  return write.then(
    () => '',
    (error: unknown) => {
      if (error instanceof ApiError && error.status === 403) return error.message;
      throw error;
    },
  );
}
