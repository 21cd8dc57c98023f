import { expect } from 'chai';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { parseNetworks } from '../../core/annotation/networks.ts';
import { annotation, apiVersion } from '../../core/api/names.ts';
import type { AllocatedNic } from '../../core/api/types.ts';
import { emptyPool, formatPool } from '../../core/pool/content.ts';
import { ipPools, multiNicNetworks, namespaces, type Pod, pods } from '../../kube/api/resources.ts';
import { Namespace } from '../agent/namespaces.ts';
import { linkNames, type PrintedResult, resultOf } from '../agent/sandbox.ts';
import { Site } from '../agent/site.ts';
import { networks } from './networks.ts';
import { type RecordedCall, variable } from './recorder.ts';
import { readRecordings, type Recording } from './recording.ts';
import { legacyNamespace, scenarios } from './scenarios.ts';
import { type AttachmentStatus, statusesOf } from './statuses.ts';

describe('the calls that Multus makes, byte by byte, through the real executable and agent', function () {
  this.timeout(120_000);
  const recordings = readRecordings();
  let site: Site;

  before(async () => {
    site = await Site.start({ hosts: 1, nics: 2 });
    await site.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: legacyNamespace } });
    for (const [name, spec] of Object.entries(networks)) await site.addNetwork(name, spec);
  });
  after(() => site?.[Symbol.asyncDispose]());

  it('are recorded for every scenario', () => {
    expect(recordings.map(({ pod }) => pod.name)).to.have.members(scenarios.map(({ name }) => name));
  });

  for (const recording of recordings) {
    const versions = new Set(recording.calls.map(({ stdin }) => configOf(stdin).cniVersion));
    it(`${recording.pod.name}: ${recording.selection} (CNI ${[...versions].join(', ')})`, async () => {
      const pod = await podOf(recording);
      using namespace = new Namespace('pod');
      const call = (recorded: RecordedCall) => replay(recording, recorded, { pod, namespace });

      const statuses: AttachmentStatus[] = [];
      for (const add of callsOf(recording, 'ADD')) {
        const result = resultOf(await call(add));
        expectForm(result, add.stdin);
        const ifname = variable(add, 'CNI_IFNAME');
        const [first] = JSON.parse(namespace.ip('-j', 'link', 'show', 'dev', ifname)) as { ifname: string }[];
        expect(first?.ifname).to.equal(`${ifname}-0`);
        statuses.push(...statusesOf(result));
      }
      const named = callsOf(recording, 'ADD').map(({ stdin }) => stdin);
      const told = (status: AttachmentStatus) => comparable(status, named.join());
      expect(statuses.map(told)).to.deep.equal(recordedStatuses(recording).map(told));
      for (const { interface: name, mac, ips } of statuses) {
        const [link] = JSON.parse(namespace.ip('-j', 'addr', 'show', 'dev', name)) as LinkShown[];
        expect(link?.address).to.equal(mac);
        expect(link?.addr_info.map(({ local }) => local)).to.include.members(ips);
      }

      for (const del of callsOf(recording, 'DEL')) {
        expect(await call(del), del.stdin).to.include({ exitCode: 0, stdout: '' });
      }
      expect(linkNames(namespace)).to.deep.equal(['lo']);
      await site.client.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
    });
  }

  /** The recorded pod, with its records in the pools of its node where admission had put them. */
  async function podOf({ pod: { namespace, name }, selection }: Recording): Promise<Pod> {
    const pod = await site.client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name, annotations: { [annotation.networks]: selection } },
      spec: { nodeName: site.hosts[0]?.nodeName, containers: [{ name: 'main', image: 'none' }] },
    } as unknown as Pod);
    for (const [i, element] of parseNetworks(selection).entries()) {
      const nics = readAttachments(element['cni-args']);
      if (nics) await grant(pod, { network: element.name, ifname: element.interface ?? `net${i + 1}`, nics });
    }
    return pod;
  }

  async function grant(pod: Pod, { network, ifname, nics }: { network: string; ifname: string; nics: AllocatedNic[] }) {
    const hostName = site.hosts[0]?.nodeName ?? '';
    const name = `${network}.${hostName}`;
    const { uid = '' } = (await site.client.get(multiNicNetworks, { name: network })).metadata;
    const owner = { apiVersion, kind: 'MultiNicNetwork', name: network, uid };
    const pool =
      (await site.client.find(ipPools, { name })) ??
      (await site.client.create(ipPools, {
        apiVersion,
        kind: 'IPPool',
        metadata: { name, ownerReferences: [owner] },
        spec: { network, hostName, blocks: [] },
      }));
    const { namespace = '', name: podName, uid: podUID = '' } = pod.metadata;
    const since = '2026-01-01T00:00:00Z';
    const record = { podUID, namespace, name: podName, interface: ifname, nics, state: 'Allocated' as const, since };
    await site.client.updateStatus(ipPools, {
      ...pool,
      status: formatPool({ ...emptyPool, capacity: 254, allocations: [record] }),
    });
  }

  /** A recorded call with the identities of the replay's pod and sandbox in place of those that were recorded. */
  function replay(
    { pod: recorded }: Recording,
    call: RecordedCall,
    { pod, namespace }: { pod: Pod; namespace: Namespace },
  ) {
    const netns = variable(call, 'CNI_NETNS');
    const replaced = (text: string): string => {
      const withUid = text.replaceAll(recorded.uid, pod.metadata.uid ?? '');
      return netns === '' ? withUid : withUid.replaceAll(netns, namespace.path);
    };
    const env = call.environment.map(entry => replaced(entry).split(/=(.*)/s, 2) as [string, string]);
    return site.hosts[0]!.execute(Object.fromEntries(env), replaced(call.stdin));
  }
});

interface LinkShown {
  readonly address: string;
  readonly addr_info: readonly { readonly local: string }[];
}

function configOf(stdin: string): { cniVersion: string; runtimeConfig?: { mac?: string; ips?: string[] } } {
  return JSON.parse(stdin) as ReturnType<typeof configOf>;
}

function callsOf({ calls }: Recording, command: string): RecordedCall[] {
  return calls.filter(call => variable(call, 'CNI_COMMAND') === command);
}

/** The form that libcni, which Multus reads the result with, wants for the version that was asked for. */
function expectForm(result: PrintedResult, stdin: string): void {
  const { cniVersion } = configOf(stdin);
  expect(result.cniVersion).to.equal(cniVersion);
  for (const ip of result.ips) expect('version' in ip).to.equal(cniVersion.startsWith('0.'));
  expect('mtu' in result.interfaces[0]!).to.equal(cniVersion === '1.1.0');
}

/** What Multus wrote of our attachments: everything but the primary network. */
function recordedStatuses({ networkStatus }: Recording): AttachmentStatus[] {
  const all = JSON.parse(networkStatus) as (AttachmentStatus & { default?: boolean })[];
  return all.filter(status => status.default !== true);
}

/**
 * What is the same in a replay: hardware addresses differ, and so does which of its block's addresses an interface got, unless the call
 * itself names it.
 */
function comparable({ interface: name, ips, mtu }: AttachmentStatus, named: string): unknown {
  const same = (ip: string): boolean => named.includes(`"${ip}"`) || named.includes(`"${ip}/`);
  return { interface: name, mtu, ips: ips.map(ip => (same(ip) ? ip : ip.replace(/\d+$/, 'any'))) };
}
