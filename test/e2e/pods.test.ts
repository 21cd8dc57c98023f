import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { buildCni } from '../../build/buildCni.ts';
import { run } from '../../build/run.ts';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { parseNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import type { HostInterface } from '../../core/api/types.ts';
import { boxImage, type Cluster, startCluster } from '../cluster/index.ts';
import { demoDeployment, demoNetwork } from '../demo/manifests.ts';
import { type InstalledSystem, installSystem, labelNamespace } from '../system/install.ts';

interface PodView {
  metadata: { name: string; annotations: Record<string, string> };
  spec: { nodeName: string };
  status: { phase: string; containerStatuses?: { ready: boolean }[] };
}

interface Warning {
  reason: string;
  message: string;
  source?: { component?: string };
}

describe('a pod in a labelled namespace, on real nodes', () => {
  let cluster: Cluster;
  let system: InstalledSystem;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'e2e', nodes: 2, nics: 2 });
    system = await installSystem(cluster, await buildCni());
    const subnets = cluster.nodes[0]!.nics.map(nic => nic.subnet);
    await labelNamespace(cluster, 'default');
    // In one call, as users do: the pods are created before the network has given its nodes anything.
    await cluster.kubectl(['apply', '-f', '-'], { input: `${demoNetwork('ptp', subnets)}---${daemonSet}` });
    await eventually(async () => {
      const all = await pods();
      expect(all.length).to.equal(2);
      expect(all.every(pod => pod.status.containerStatuses?.every(c => c.ready))).to.equal(true);
    });
  });

  after(async function () {
    this.timeout(60_000);
    await cluster?.stop();
  });

  async function pods(): Promise<PodView[]> {
    const { stdout } = await cluster.kubectl(['get', 'pods', '-l', 'app=box', '-o', 'json']);
    return (JSON.parse(stdout) as { items: PodView[] }).items;
  }

  /** What users would be alarmed by: ours, the kubelet's for want of our interfaces, the scheduler's for want of our capacity. */
  async function warningsOfOurs(): Promise<string[]> {
    const { stdout } = await cluster.kubectl(['get', 'events', '-A', '--field-selector=type=Warning', '-o', 'json']);
    return (JSON.parse(stdout) as { items: Warning[] }).items
      .filter(
        ({ reason, message, source }) =>
          `${source?.component}`.startsWith('multi-nic') ||
          reason === 'FailedCreatePodSandBox' ||
          message.includes('multinic.fms.io'),
      )
      .map(({ reason, message }) => `${reason}: ${message}`);
  }

  function attachmentsOf(pod: PodView): string[] {
    const [element] = parseNetworks(pod.metadata.annotations[annotation.networks] ?? '');
    return (readAttachments(element?.['cni-args']) ?? []).flatMap(({ addresses }) =>
      addresses.map(a => a.split('/')[0]!),
    );
  }

  /** Of the interfaces that were made, as network-status has them. */
  function ownAddresses(pod: PodView): string[] {
    const text = pod.metadata.annotations[annotation.networkStatus] ?? '[]';
    const status = JSON.parse(text) as { interface?: string; ips?: string[] }[];
    return status.flatMap(({ interface: name, ips = [] }) => (name?.startsWith('net1-') ? ips : []));
  }

  async function inPod(pod: PodView, script: string): Promise<string> {
    return (await cluster.kubectl(['exec', pod.metadata.name, '--', '/bin/busybox', 'sh', '-c', script])).stdout;
  }

  async function pingAll(): Promise<void> {
    const all = await pods();
    for (const from of all) {
      for (const to of all.filter(pod => pod !== from)) {
        for (const [i, address] of attachmentsOf(to).entries()) {
          const out = await inPod(from, `busybox ping -c 1 -W 2 -I net1-${i} ${address}`);
          expect(out, `${from.metadata.name} to ${address}`).to.contain('1 packets received');
        }
      }
    }
  }

  it('waits for its network without a warning', async () => {
    expect(await warningsOfOurs()).to.deep.equal([]);
  });

  it('has the addresses of its annotation on its interfaces', async () => {
    for (const pod of await pods()) {
      const wanted = attachmentsOf(pod);
      expect(wanted.length).to.equal(2);
      for (const [i, address] of wanted.entries()) {
        expect(await inPod(pod, `busybox ip -4 addr show dev net1-${i}`)).to.contain(`inet ${address}/`);
      }
      expect(ownAddresses(pod)).to.deep.equal(wanted);
    }
  });

  it('is explained by kubectl multinic pod: good, and on a host whose NIC went down', async function () {
    this.timeout(240_000);
    const [pod] = await pods();
    const { name } = pod!.metadata;
    const ask = () =>
      run([process.execPath, 'cli/main.ts', 'pod', name, '--kubeconfig', cluster.kubeconfig], { allowFailure: true });
    const good = await ask();
    expect([good.code, good.stderr]).to.deep.equal([0, '']);
    expect(good.stdout).to.contain(`pod default/${name} has all its NICs: net1-0 ${attachmentsOf(pod!)[0]}, net1-1 `);
    const node = cluster.nodes.find(one => one.name === pod!.spec.nodeName)!;
    const [nic] = node.nics;
    const setLink = async (state: string): Promise<void> => {
      await node.exec(['ip', 'link', 'set', nic!.name, state]);
      await eventually(async () => {
        const { stdout } = await cluster.kubectl(['get', 'hif', node.name, '-o', 'json']);
        const { spec } = JSON.parse(stdout) as HostInterface;
        expect(spec.interfaces.find(one => one.interfaceName === nic!.name)?.linkState).to.equal(state);
      });
    };
    await setLink('down');
    const { stdout } = await ask();
    await setLink('up');
    expect(stdout).to.contain(`node ${node.name}: ${nic!.name}, which the pod uses, is down`);
  });

  it('reaches every pod of the other node over each NIC', async function () {
    this.timeout(60_000);
    await eventually(pingAll);
  });

  it('is reachable again after its node lost its routes', async function () {
    this.timeout(90_000);
    for (const node of cluster.nodes) await node.exec(['ip', 'route', 'flush', 'table', 'all', 'proto', '77']);
    await eventually(pingAll);
  });

  it('has an address of its own also as one of a Deployment of 50, and no warning is heard', async function () {
    this.timeout(300_000);
    await cluster.kubectl(['apply', '-f', '-'], { input: demoDeployment(50) });
    await cluster.kubectl(['rollout', 'status', 'deployment/workers', '--timeout=240s']);
    await eventually(async () => {
      const { stdout } = await cluster.kubectl(['get', 'pods', '-l', 'app=workers', '-o', 'json']);
      // Not those of the decision: where the machine is so busy that a binding goes on without it, the agent takes them.
      const addresses = (JSON.parse(stdout) as { items: PodView[] }).items.flatMap(ownAddresses);
      expect(addresses.length).to.equal(100);
      expect(new Set(addresses).size).to.equal(100);
    });
    // There, the scheduler tries again, too.
    expect((await warningsOfOurs()).filter(text => !text.includes('MNN_DEADLINE'))).to.deep.equal([]);
    await cluster.kubectl(['delete', 'deployment', 'workers', '--wait=true']);
  });

  it('gets its address back to the pool when it is deleted, also with the agent restarted in between', async function () {
    this.timeout(240_000);
    for (const agent of system.agents.values()) await agent.restart();
    await cluster.kubectl(['delete', 'daemonset', 'box', '--wait=true']);
    await eventually(async () => {
      expect((await pods()).length).to.equal(0);
      const { stdout } = await cluster.kubectl(['get', 'ipp', '-o', 'json']);
      const pools = (JSON.parse(stdout) as { items: { status?: { used?: number } }[] }).items;
      expect(pools.length).to.equal(2);
      expect(pools.map(pool => pool.status?.used)).to.deep.equal([0, 0]);
    }, 180_000);
  });
});

/** Tries until it holds; the last failure is the answer after a minute. */
async function eventually(check: () => Promise<void>, timeoutMs = 60_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(300);
    }
  }
}

const daemonSet = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: box}
spec:
  selector: {matchLabels: {app: box}}
  template:
    metadata: {labels: {app: box}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: box
          image: ${boxImage}
          imagePullPolicy: Never
          command: [/bin/busybox, sh, -c, "trap 'exit 0' TERM; while :; do busybox sleep 1 & wait; done"]
`;
