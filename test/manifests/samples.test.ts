import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments, stringify } from 'yaml';
import { apiVersion } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import { layoutsOf } from '../../core/layout/hostBlocks.ts';
import { capacityOf } from '../../core/layout/layout.ts';
import { overlap } from '../../core/net/cidr.ts';
import { readNetwork } from '../../core/network/network.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { hostInterfaces, ipPools, multiNicNetworks } from '../../kube/api/resources.ts';
import { root, useSchemaCluster } from './cluster.ts';

const folder = join(root, 'manifests/samples');
/** The one that makes the others' namespace goes first. */
const files = [
  'namespace-deployment.yaml',
  ...readdirSync(folder).filter(name => name !== 'namespace-deployment.yaml'),
];

describe('manifests/samples', () => {
  const cluster = useSchemaCluster();

  it('all are accepted, and again without a change', async () => {
    const paths = files.flatMap(file => ['-f', join(folder, file)]);
    await cluster().kubectl(['apply', ...paths]);
    const { stdout } = await cluster().kubectl(['apply', '--dry-run=server', ...paths]);
    const changed = stdout.split('\n').filter(line => line !== '' && !line.includes(' unchanged'));
    expect(changed).to.deep.equal([]);
  });

  const networks = files.flatMap(file =>
    parseAllDocuments(readFileSync(join(folder, file), 'utf8'))
      .map(document => document.toJS() as MultiNicNetwork)
      .filter(object => object.kind === 'MultiNicNetwork'),
  );

  it('networks can be tried beside each other: none has a subnet of another', () => {
    const all = networks.flatMap(object =>
      readNetwork(object).subnets.map(net => ({ name: object.metadata.name, net })),
    );
    const shared = all.filter(({ net }, i) => all.slice(i + 1).some(other => overlap(net, other.net)));
    expect(shared.map(({ name }) => name)).to.deep.equal([]);
  });

  it('every network can be read, and has room', () => {
    expect(networks).to.have.length.greaterThan(14);
    for (const object of networks) {
      for (const layout of layoutsOf(readNetwork(object))) {
        const { podBits, addressesPerBlock } = capacityOf(layout);
        expect(podBits, object.metadata.name).to.be.at.least(2);
        expect(addressesPerBlock > 0n, object.metadata.name).to.equal(true);
      }
    }
  });

  it('a network of the predecessor is accepted that names a namespace twice', async () => {
    const [sample] = networks;
    const input = JSON.stringify({
      ...sample,
      metadata: { name: 'twice' },
      spec: { ...sample?.spec, namespaces: ['default', 'team-a', 'default'] },
    });
    await cluster().kubectl(['apply', '--dry-run=server', '-f', '-'], { input });
  });

  it('the columns show what people look for', async () => {
    const columns = async (resource: string, name: string): Promise<Record<string, string>> => {
      const { stdout } = await cluster().kubectl(['get', resource, name]);
      const [header = '', row = ''] = stdout.split('\n');
      const starts = [...header.matchAll(/\S+/g)];
      return Object.fromEntries(
        starts.map(({ 0: title, index }, i) => [title, row.slice(index, starts[i + 1]?.index).trim()]),
      );
    };
    const now = new Date().toISOString();
    await using client = await KubeClient.connect({ kubeconfig: cluster().kubeconfig });
    const status = {
      discovery: { existDaemon: 2, infoAvailable: 2, cidrProcessed: 2 },
      configStatus: 'Success',
      routeStatus: 'WaitForRoutes',
      conditions: [
        { type: 'Ready', status: 'False', reason: 'WaitForRoutes', message: '1 of 2', lastTransitionTime: now },
      ],
    };
    await client.patch(multiNicNetworks, { name: 'compute' }, 'merge', { status }, { subresource: 'status' });
    const pool = { used: 3, capacity: 62 };
    await client.patch(ipPools, { name: 'compute.gpu-07' }, 'merge', { status: pool }, { subresource: 'status' });
    expect(await columns('mnn', 'compute')).to.deep.include({
      TYPE: 'ipvlan',
      MODE: 'l3',
      SUBNET: '10.200.0.0/16',
      HOSTS: '2',
      CONFIG: 'Success',
      ROUTES: 'WaitForRoutes',
      READY: 'False',
    });
    expect(await columns('hif', 'gpu-07')).to.deep.include({
      'NIC-1': 'ens7',
      'ADDRESS-1': '172.20.1.17',
      'NIC-2': 'ens8',
      'ADDRESS-2': '172.20.2.17',
      DOWN: '',
    });
    const ens8Down = [{ op: 'replace', path: '/spec/interfaces/1/linkState', value: 'down' }];
    await client.patch(hostInterfaces, { name: 'gpu-07' }, 'json', ens8Down);
    expect(await columns('hif', 'gpu-07')).to.deep.include({ DOWN: 'ens8' });
    expect(await columns('ipp', 'compute.gpu-07')).to.deep.include({
      NETWORK: 'compute',
      NODE: 'gpu-07',
      BLOCK: '10.200.0.0/26',
      USED: '3',
      CAPACITY: '62',
    });
    expect(await columns('cidr', 'compute-0')).to.deep.include({ NETWORK: 'compute', PAGE: '0' });
    expect(await columns('mndc', 'fast')).to.deep.include({ VENDOR: '15b3', PRODUCTS: '["101d","1021","a2dc"]' });
    expect((await cluster().kubectl(['get', 'multinic', '-o', 'name'])).stdout).to.contain('hostinterface.');
  });

  it('a status may be written in parts, and what is missing is filled in', async () => {
    await using client = await KubeClient.connect({ kubeconfig: cluster().kubeconfig });
    const status = { configStatus: 'WaitForConfig', discovery: { existDaemon: 1 } };
    await client.patch(multiNicNetworks, { name: 'dual' }, 'merge', { status }, { subresource: 'status' });
    const { status: stored } = await client.get(multiNicNetworks, { name: 'dual' });
    expect(stored).to.deep.equal({
      configStatus: 'WaitForConfig',
      discovery: { existDaemon: 1, infoAvailable: 0, cidrProcessed: 0 },
      computeResults: [],
    });
  });

  it('a network without an IPAM is stored with an empty one: agents of 0.1.0 attach no pod while there is a network without the field', async () => {
    await using client = await KubeClient.connect({ kubeconfig: cluster().kubeconfig });
    const plugin = { cniVersion: '1.0.0', type: 'macvlan' };
    for (const [i, ipam] of [{}, { ipam: null as unknown as string }].entries()) {
      const metadata = { name: `segment-${i}` };
      await client.create(multiNicNetworks, {
        apiVersion,
        kind: 'MultiNicNetwork',
        metadata,
        spec: { ...ipam, plugin },
      });
      expect((await client.get(multiNicNetworks, metadata)).spec.ipam).to.equal('{}');
      await client.delete(multiNicNetworks, metadata);
    }
  });

  it('a HostInterface may carry the statistics that the predecessor declared', async () => {
    const stat = { interfaceName: 'ens7', txRate: 1, rxRate: 1, count: 1, lastTimestamp: 1 };
    const input = stringify({
      ...{ apiVersion: 'multinic.fms.io/v1', kind: 'HostInterface', metadata: { name: 'old-01' } },
      ...{ spec: { hostName: 'old-01', interfaces: [{ interfaceName: 'ens7' }] }, status: { stat } },
    });
    await cluster().kubectl(['apply', '--dry-run=server', '-f', '-'], { input });
  });

  describe('what the schemas refuse', () => {
    const network = (spec: object): object => ({
      ...{ apiVersion: 'multinic.fms.io/v1', kind: 'MultiNicNetwork', metadata: { name: 'refused' } },
      spec: {
        ipam: '{"type":"multi-nic-ipam","hostBlock":8,"interfaceBlock":2}',
        plugin: { cniVersion: '0.3.1', type: 'ipvlan' },
        ...spec,
      },
    });
    const other = (kind: string, spec: object): object => ({
      ...{ apiVersion: 'multinic.fms.io/v1', kind, metadata: { name: 'refused' }, spec },
    });
    const nic = (fields: object): object =>
      other('HostInterface', { hostName: 'refused', interfaces: [{ interfaceName: 'ens7', ...fields }] });
    const cases: [what: string, object: object, message: RegExp][] = [
      ['no plugin', network({ plugin: undefined }), /spec\.plugin: Required value/],
      ['ipam as an object', network({ ipam: { type: 'multi-nic-ipam' } }), /spec\.ipam.* must be of type string/],
      ['no plugin type', network({ plugin: { cniVersion: '0.3.1' } }), /spec\.plugin\.type: Required value/],
      [
        'a CNI version of words',
        network({ plugin: { cniVersion: 'one', type: 'ipvlan' } }),
        /spec\.plugin\.cniVersion/,
      ],
      [
        'an argument that is a number',
        network({ plugin: { cniVersion: '0.3.1', type: 'ipvlan', args: { mtu: 9000 } } }),
        /spec\.plugin\.args\.mtu.* must be of type string/,
      ],
      [
        'an unknown strategy',
        network({ attachPolicy: { strategy: 'perf' } }),
        /spec\.attachPolicy\.strategy: Unsupported value: "perf": supported values: "none", "costOpt", "perfOpt"/,
      ],
      ['a host subnet that is a number', network({ masterNets: [172] }), /spec\.masterNets/],
      ['a namespace that cannot be one', network({ namespaces: ['Team A'] }), /spec\.namespaces/],
      [
        'a NIC without name',
        other('HostInterface', { hostName: 'x', interfaces: [{}] }),
        /interfaceName: Required value/,
      ],
      ['a NIC name that Linux has not', nic({ interfaceName: 'a/b' }), /interfaceName/],
      [
        'a link state that is neither',
        nic({ linkState: 'broken' }),
        /Unsupported value: "broken": supported values: "up", "down"/,
      ],
      [
        'two NICs of one name',
        other('HostInterface', { hostName: 'x', interfaces: [{ interfaceName: 'a' }, { interfaceName: 'a' }] }),
        /interfaces\[1\]: Duplicate value/,
      ],
      ['a vendor that is a number', other('DeviceClass', { ids: [{ vendor: 1521, products: ['101d'] }] }), /vendor/],
      ['a class of no products', other('DeviceClass', { ids: [{ vendor: '15b3', products: [] }] }), /products/],
      [
        'two indexes of one host',
        other('CIDR', { network: 'n', page: 0, hosts: [0, 1].map(hostIndex => ({ hostName: 'a', hostIndex })) }),
        /hosts\[1\]: Duplicate value/,
      ],
      ['a negative page', other('IPPool', { network: 'n', page: -1 }), /spec\.page/],
    ];

    for (const [what, object, message] of cases) {
      it(what, async () => {
        const options = { input: stringify(object), allowFailure: true };
        // Without the check of kubectl itself: it is the server's answer that counts.
        const args = ['create', '--dry-run=server', '--validate=false', '-f', '-'];
        const { code, stderr } = await cluster().kubectl(args, options);
        expect(code, stderr).to.equal(1);
        expect(stderr).to.match(message);
      });
    }
  });

  it('kubectl explain knows every field', async () => {
    const { stdout } = await cluster().kubectl(['explain', 'mnn.spec.attachPolicy.strategy']);
    expect(stdout).to.match(/costOpt/);
    for (const resource of ['mnn', 'hif', 'cidr', 'ipp', 'mndc']) {
      const explained = await cluster().kubectl(['explain', resource, '--recursive']);
      expect(explained.stdout, resource).to.contain('spec\t<Object>');
    }
  });
});
