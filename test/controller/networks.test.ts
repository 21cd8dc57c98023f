import { expect } from 'chai';
import {
  events,
  hostInterfaces,
  multiNicNetworks,
  namespaces,
  networkAttachmentDefinitions,
} from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { controllerSite } from './site.ts';
import { createNamespace, host, network } from './support.ts';

describe('Networks, against a real API server', function () {
  this.timeout(120_000);
  const site = controllerSite('networks', { multus: false });

  const definition = (namespace: string, name: string) =>
    site.client.find(networkAttachmentDefinitions, { namespace, name });

  it('does without NetworkAttachmentDefinitions where the cluster has none, and makes them once it has', async () => {
    await site.client.create(multiNicNetworks, network('early'));
    await eventually('the condition says so', async () => {
      const condition = await site.seen.condition('early', 'DefinitionsReady');
      return condition?.status === 'True' && condition.message.includes('no Multus');
    });
    await applyManifests(site.cluster, definitionCrd);
    await eventually('a definition', async () => {
      const namespaces = await site.seen.definitionNamespaces('early').catch((): string[] => []);
      return namespaces.includes('default') && namespaces.includes('kube-system');
    });
    await eventually('the condition', async () => {
      const condition = await site.seen.condition('early', 'DefinitionsReady');
      return condition?.reason === 'DefinitionsReady';
    });
  });

  it('leaves the younger of two networks with the same addresses unused, until the older one has others or is gone', async () => {
    await site.client.create(multiNicNetworks, network('elder', { subnet: '10.210.0.0/16' }));
    await site.client.create(multiNicNetworks, network('younger', { subnet: '10.210.128.0/17' }));
    const isUsable = (usable: boolean) =>
      eventually(`younger to be ${usable ? 'used' : 'unused'}`, async () => {
        const condition = await site.seen.condition('younger', 'HostsAllocated');
        return condition !== undefined && (condition.reason !== 'SpecUnusable') === usable && condition;
      });
    expect((await isUsable(false)).message).to.contain('network elder, which is older, gives out 10.210.128.0/17, too');
    expect((await site.seen.condition('elder', 'HostsAllocated'))?.reason).not.to.equal('SpecUnusable');
    const move = (subnet: string) =>
      site.client.patch(multiNicNetworks, { name: 'elder' }, 'merge', { spec: { subnet } });
    await move('10.211.0.0/16');
    await isUsable(true);
    await move('10.210.0.0/16');
    await isUsable(false);
    await site.client.delete(multiNicNetworks, { name: 'elder' });
    await isUsable(true);
  });

  it('says of a network that waits for finalizers that it is being deleted', async () => {
    const name = 'leaving';
    await site.client.create(multiNicNetworks, network(name));
    await eventually('its status', () => site.seen.condition(name, 'Ready'));
    await site.client.patch(multiNicNetworks, { name }, 'merge', { metadata: { finalizers: ['example.com/wait'] } });
    await site.client.delete(multiNicNetworks, { name });
    const ready = await eventually('the condition', async () => {
      const condition = await site.seen.condition(name, 'Ready');
      return condition?.reason === 'BeingDeleted' && condition;
    });
    expect(ready).to.include({ status: 'False' });
    expect(ready.message).to.contain('example.com/wait');
    await site.client.patch(multiNicNetworks, { name }, 'merge', { metadata: { finalizers: null } });
    await eventually('it is gone', async () => !(await site.client.find(multiNicNetworks, { name })));
  });

  it('follows namespaces and the list of those that it applies to', async () => {
    await createNamespace(site.client, 'team-a');
    await site.client.create(multiNicNetworks, network('teams', { namespaces: ['team-a', 'team-b'] }));
    const areIn = (names: string[]) =>
      eventually(`definitions in ${names.join()}`, async () => {
        const found = await site.seen.definitionNamespaces('teams');
        return JSON.stringify(found) === JSON.stringify(names) && found;
      });
    await areIn(['team-a']);
    await createNamespace(site.client, 'team-b');
    await areIn(['team-a', 'team-b']);
    await site.client.patch(multiNicNetworks, { name: 'teams' }, 'merge', { spec: { namespaces: ['team-b'] } });
    await areIn(['team-b']);
    await site.client.patch(multiNicNetworks, { name: 'teams' }, 'merge', { spec: { namespaces: [] } });
    await eventually('definitions everywhere', async () =>
      (await site.seen.definitionNamespaces('teams')).includes('default'),
    );

    // Without the controller manager a deleted namespace stays Terminating, which must hold up no other.
    await site.client.delete(namespaces, { name: 'team-b' });
    await site.client.delete(networkAttachmentDefinitions, { namespace: 'team-b', name: 'teams' });
    await createNamespace(site.client, 'team-c');
    await eventually('a definition in team-c', async () => (await definition('team-c', 'teams')) !== undefined);
    expect(await definition('team-b', 'teams')).to.equal(undefined);

    await site.client.delete(multiNicNetworks, { name: 'teams' });
    await areIn([]);
  });

  it('mends a definition of its own and never touches that of somebody else', async () => {
    await createNamespace(site.client, 'own');
    await createNamespace(site.client, 'others');
    const foreign = { metadata: { name: 'mended', namespace: 'others' }, spec: { config: '{"type":"bridge"}' } };
    await site.client.create(networkAttachmentDefinitions, foreign);
    await site.client.create(multiNicNetworks, network('mended', { namespaces: ['own', 'others'] }));
    const made = await eventually('the definition', () => definition('own', 'mended'));
    expect(JSON.parse(made.spec?.config ?? '')).to.deep.include({
      name: 'mended',
      type: 'multi-nic',
      cniVersion: '0.3.1',
    });
    expect(made.metadata.ownerReferences?.[0]).to.deep.include({
      kind: 'MultiNicNetwork',
      name: 'mended',
      controller: true,
    });

    const broken = { metadata: { labels: { 'multi-nic-cni-generated': null, mine: 'kept' } }, spec: { config: '{}' } };
    await site.client.patch(networkAttachmentDefinitions, { namespace: 'own', name: 'mended' }, 'merge', broken);
    await eventually('mended', async () => {
      const now = await definition('own', 'mended');
      const labels = now?.metadata.labels ?? {};
      return (
        now?.spec?.config === made.spec?.config &&
        labels['multi-nic-cni-generated'] === 'true' &&
        labels.mine === 'kept'
      );
    });

    await eventually('the condition names the namespace', async () => {
      const condition = await site.seen.condition('mended', 'DefinitionsReady');
      return condition?.reason === 'NameTaken' && condition.status === 'True' && condition.message.includes('others');
    });
    await eventually('the event', async () => (await site.seen.reasons('mended')).includes('NameTaken'));
    await site.client.delete(multiNicNetworks, { name: 'mended' });
    await eventually('ours is gone', async () => (await definition('own', 'mended')) === undefined);
    expect((await definition('others', 'mended'))?.spec?.config).to.equal('{"type":"bridge"}');
  });

  it('reports an L2 network as a success, and says once what made a stored one unusable', async () => {
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    await site.client.create(multiNicNetworks, network('l2'));
    await eventually('waiting for hosts', async () => {
      const status = await site.seen.status('l2');
      return status?.configStatus === 'WaitForConfig' && status.message.includes('none of 0 hosts has a NIC');
    });
    await site.client.create(hostInterfaces, host('n-0', 0));
    const status = await eventually('Success', async () => {
      const status = await site.seen.status('l2');
      return status?.configStatus === 'Success' && status;
    });
    expect(status).to.deep.include({ routeStatus: 'N/A', observedGeneration: 1 });
    expect(status.discovery).to.deep.equal({ existDaemon: 1, infoAvailable: 1, cidrProcessed: 1 });
    expect(status.conditions?.find(({ type }) => type === 'Ready')?.status).to.equal('True');
    await eventually('the event Ready', async () => (await site.seen.reasons('l2')).includes('Ready'));

    await site.client.patch(multiNicNetworks, { name: 'l2' }, 'merge', {
      spec: { ipam: '{"type":"multi-nic-ipam",}' },
    });
    const failed = await eventually('Failed', async () => {
      const status = await site.seen.status('l2');
      return status?.configStatus === 'Failed' && status;
    });
    expect(failed.message).to.contain('line 1, column').and.contain('MNN_IPAM_SYNTAX');
    expect(failed.interfaces, 'interface indexes are kept').to.deep.equal(status.interfaces);
  });

  it('tells by an event of a network that is stored as the schema has it no longer: the API server takes no status of it', async () => {
    const crd = 'multinicnetworks.multinic.fms.io';
    const enumPath = `/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/attachPolicy/properties/strategy/enum`;
    const patch = JSON.stringify([{ op: 'remove', path: enumPath }]);
    await site.cluster.kubectl(['patch', 'crd', crd, '--type=json', '-p', patch]);
    const attachPolicy = { strategy: 'QoSClass' as 'none' };
    const isTaken = (name: string, dryRun = false): Promise<boolean> =>
      site.client.create(multiNicNetworks, network(name, { attachPolicy }), { dryRun }).then(
        () => true,
        () => false,
      );
    await eventually('the schema to take it', () => isTaken('stored'));
    await applyManifests(site.cluster, 'manifests/base/crds');
    await eventually('the schema to refuse it', async () => !(await isTaken('another', true)));
    // What makes the controller look again.
    await site.client.create(hostInterfaces, host('n-1', 1));
    await eventually('an event, or the status where the API server lets what was there before be', async () => {
      const { items } = await site.client.list(events, { namespace: 'default' });
      const told = items.find(
        ({ involvedObject, reason }) => involvedObject.name === 'stored' && reason === 'StatusRefused',
      );
      if (told) expect(told.message).to.contain('spec.attachPolicy.strategy').and.contain('"QoSClass"');
      return told !== undefined || (await site.seen.status('stored'))?.computeResults.length === 2;
    });
  });

  it('writes no status again when a new leader finds everything as it was', async () => {
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    await site.client.create(hostInterfaces, host('n-0', 0));
    const ready = (name: string) =>
      eventually(`${name} is ready`, async () => (await site.seen.condition(name, 'Ready'))?.status === 'True');
    await site.client.create(multiNicNetworks, network('settled'));
    await ready('settled');
    await site.controller.stop();
    const before = await site.client.get(multiNicNetworks, { name: 'settled' });
    site.start();
    await site.client.create(multiNicNetworks, network('next', { subnet: '10.201.0.0/16' }));
    await ready('next');
    const after = await site.client.get(multiNicNetworks, { name: 'settled' });
    expect(after.metadata.resourceVersion).to.equal(before.metadata.resourceVersion);
  });

  /** What a host's agent says of its L3 routes. */
  async function report(name: string, status: 'True' | 'False', message: string): Promise<void> {
    const lastTransitionTime = '2026-01-01T00:00:00Z';
    const conditions = [{ type: 'RoutesProgrammed', status, reason: 'Test', message, lastTransitionTime }];
    await site.client.patch(hostInterfaces, { name }, 'merge', { status: { conditions } }, { subresource: 'status' });
  }

  it('sums up the routes that agents report', async () => {
    const names = ['n-0', 'n-1'];
    await site.cluster.addFakeNodes(names.map(name => ({ name })));
    for (const [i, name] of names.entries()) await site.client.create(hostInterfaces, host(name, i));
    // A host that a user described has no Node and no agent: nobody waits for its report.
    const described = host('edge', 9);
    const labels = { 'multi-nic-unmanaged': 'true' };
    await site.client.create(hostInterfaces, { ...described, metadata: { ...described.metadata, labels } });
    await site.client.create(multiNicNetworks, network('l3', {}, { vlanMode: 'l3' }));
    const routes = (state: string) =>
      eventually(`routeStatus ${state}`, async () => {
        const status = await site.seen.status('l3');
        return status?.routeStatus === state && status;
      });
    await routes('WaitForRoutes');
    for (const name of names) await report(name, 'True', 'all routes are in place');
    await routes('Success');
    await eventually('configStatus Success', async () => (await site.seen.status('l3'))?.configStatus === 'Success');
    await report('n-1', 'False', 'network l3: rule.add from 10.200.0.0/16 table 1000: EPERM');
    expect((await routes('Failed')).message).to.equal('some route cannot be applied, need attention: n-1');
  });

  it('says so where hosts share no subnet, as where each rack has its own: no L3 routes lead from one to the other', async () => {
    const names = ['p-0', 'p-1', 'p-2'];
    await site.cluster.addFakeNodes(names.map(name => ({ name })));
    const add = async (name: string, netAddress: string) => {
      const { spec, ...rest } = host(name, 0);
      const interfaces = [{ ...spec.interfaces[0]!, netAddress, hostIP: netAddress.split('/')[0]! }];
      await site.client.create(hostInterfaces, { ...rest, spec: { ...spec, interfaces } });
      await report(name, 'True', 'all routes are in place');
    };
    await add('p-0', '172.20.1.0/28');
    await add('p-1', '172.20.1.16/28');
    await site.client.create(multiNicNetworks, network('routed', {}, { vlanMode: 'l3' }));
    const says = (what: object) =>
      eventually(JSON.stringify(what), async () => {
        const { routeStatus, message, conditions = [] } = (await site.seen.status('routed')) ?? {};
        const ready = conditions.find(({ type }) => type === 'RoutesReady')?.reason;
        return JSON.stringify({ routeStatus, ready, message }) === JSON.stringify(what);
      });
    const why = 'no IPv4 address on a NIC in a subnet that another host is in, so no IPv4 routes lead to their pods';
    await says({ routeStatus: 'Failed', ready: 'NoRoutes', message: `2 hosts have ${why}: p-0, p-1` });
    await eventually('event', async () => (await site.seen.reasons('routed')).includes('NoRoutes'));
    await add('p-2', '172.20.1.16/28');
    await says({ routeStatus: 'Success', ready: 'RoutesProgrammed', message: `1 host has ${why}: p-0` });
  });

  it('says so where a host that comes later, or is changed, carries less than others in its subnet', async () => {
    const add = async (name: string, mtu: number) => {
      const { spec, ...rest } = host(name, mtu);
      const interfaces = spec.interfaces.map(nic => ({ ...nic, netAddress: '172.20.7.0/24', mtu }));
      await site.client.create(hostInterfaces, { ...rest, spec: { ...spec, interfaces: interfaces.slice(0, 1) } });
    };
    await add('wide', 9000);
    const masterNets = ['172.20.7.0/24'];
    await site.client.create(multiNicNetworks, network('jumbo', { subnet: '10.207.0.0/16', masterNets }));
    await eventually('ready but for routes', () => site.seen.condition('jumbo', 'HostsAllocated'));
    expect(await site.seen.condition('jumbo', 'MtusAgree')).to.equal(undefined);
    await add('narrow', 1500);
    const condition = await eventually('the condition', () => site.seen.condition('jumbo', 'MtusAgree'));
    expect(condition).to.include({ status: 'False', reason: 'MtusDiffer' });
    expect(condition.message).to.contain(
      'in 172.20.7.0/24 eth1 of host wide carries 9000 bytes, but eth1 of host narrow only 1500',
    );
    await eventually('event', async () => (await site.seen.reasons('jumbo')).includes('MtusDiffer'));
    await site.client.delete(hostInterfaces, { name: 'narrow' });
    await eventually('they agree', async () => (await site.seen.condition('jumbo', 'MtusAgree'))?.status === 'True');
  });
});
