/**
 * What a pod's author can not do, with all rights that the role `edit` gives in a labelled namespace: against a real API server and the
 * webhook as a process with the rights of its manifests. Of the same, what other tests show already:
 *  create.test.ts          attachments that come with a new pod are dropped; names that would be two records
 *  createRefusals.test.ts  networks of other namespaces
 *  bind.test.ts            addresses of others, asked for, are refused at binding; binding while the webhook is away
 *  node.test.ts            what gets by admission, in unlabelled namespaces or by definitions made by hand, is not believed on the node
 *  permissions.test.ts     what the service accounts may do
 */
import { expect } from 'chai';
import { annotation, attachmentsKey, label } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { ApiError } from '../../kube/api/errors.ts';
import * as resources from '../../kube/api/resources.ts';
import type { Resource } from '../../kube/api/types.ts';
import { bindingOf, bindPod } from '../bindPod.ts';
import type { Cluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { addressesOf, attachmentsOf, elementsOf, podOf, recordsOf, refusal } from '../webhook/support.ts';
import { type AuthorSite, namespace, startAuthorSite } from './authorSite.ts';
import { waysOfWriting } from './waysOfWriting.ts';

const { pods } = resources;
/** No scheduler takes such a pod, so that the test can bind it. */
const byHand = { schedulerName: 'nobody' };

describe('security: the author of pods', function () {
  this.timeout(180_000);
  let site: AuthorSite;
  let cluster: Cluster;
  let admin: KubeClient;
  let author: KubeClient;
  let binder: KubeClient;
  let authorConfig: string;

  before(async function () {
    this.timeout(900_000);
    site = await startAuthorSite();
    ({ cluster, admin, author, binder, authorConfig } = site);
  });
  after(() => site?.[Symbol.asyncDispose]());
  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.error(site.program.webhook.logTail());
  });

  const selecting = (...elements: object[]) => ({ [annotation.networks]: JSON.stringify(elements) });
  const ofPod = async (network: string, { metadata: { uid } }: resources.Pod) =>
    (await recordsOf(admin, network)).filter(({ podUID }) => podUID === uid);
  const read = (name: string, where = namespace) => admin.get(pods, { namespace: where, name });
  const bind = async (name: string, where = namespace): Promise<resources.Pod> => {
    await bindPod(binder, { namespace: where, name }, 'fake-1');
    return read(name, where);
  };
  /** What a forger would like to have: an attachment of the network, at another's address. */
  const attachments = (address: string) => [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: [address] }];
  const forged = (network: string, address: string) =>
    selecting({ name: network, 'cni-args': { [attachmentsKey]: attachments(address) } });

  it('gets nothing of a pod whose annotations, labels and name he copies', async () => {
    const only = selecting({ name: 'flat' });
    const victim = await admin.create(
      pods,
      podOf({ namespace: 'victims', name: 'same', annotations: only, spec: byHand }),
    );
    const { labels = {}, annotations = {} } = victim.metadata;
    expect(annotations).to.have.property(annotation.reservation);
    // At once: the victim's reservation may not be confirmed yet.
    const copy = await author.create(pods, podOf({ namespace, name: 'same', labels, annotations, spec: byHand }));
    const records = await eventually('the record of the victim', async () => {
      const found = await ofPod('flat', victim);
      return found.length > 0 && found;
    });
    expect(records.flatMap(({ nics }) => nics.flatMap(nic => nic.addresses))).to.deep.equal(addressesOf(victim));
    expect(addressesOf(copy)).to.have.length(2);
    expect(addressesOf(copy).filter(address => addressesOf(victim).includes(address))).to.deep.equal([]);
    const bound = await bind('same');
    expect(addressesOf(bound)).to.deep.equal(addressesOf(copy));
    expect(await ofPod('flat', victim)).to.deep.equal(records);
    await author.delete(pods, { namespace, name: 'same' }, { gracePeriodSeconds: 0 });
    expect(await ofPod('flat', victim)).to.deep.equal(records);
    const asking = podOf({
      namespace,
      name: 'asking',
      annotations: selecting({ name: 'flat', ips: addressesOf(victim) }),
    });
    expect((await refusal(author.create(pods, asking))).message).to.contain('MNN_ADDRESS_TAKEN');
  });

  it('changes nothing of what was decided, by no way of writing a pod', async () => {
    await author.create(
      pods,
      podOf({ namespace, name: 'kept', spec: byHand, annotations: selecting({ name: 'routed' }) }),
    );
    const pod = await bind('kept');
    const decided = pod.metadata.annotations?.[annotation.networks] ?? '';
    const other = forged('routed', '10.200.0.99/18')[annotation.networks] ?? '';
    for (const [way, { argv, input }] of Object.entries(waysOfWriting(pod, other))) {
      const options = { kubeconfig: authorConfig, allowFailure: true, input: JSON.stringify(input) };
      const { code, stderr } = await cluster.kubectl(['-n', namespace, ...argv], options);
      expect(code, way).not.to.equal(0);
      expect(stderr, way).to.contain('MNN_ATTACHMENTS_CHANGED');
    }
    expect((await read('kept')).metadata.annotations?.[annotation.networks]).to.equal(decided);
  });

  it('changes nothing by the subresources of a pod either', async () => {
    const name = 'kept';
    const pod = await read(name);
    const change = { metadata: { annotations: forged('routed', '10.200.0.99/18') } };
    const write = async (client: KubeClient, subresource: string): Promise<number> => {
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/${subresource}`;
      const options = { body: change, contentType: 'application/merge-patch+json' };
      const answer = client.request(subresource === 'binding' ? 'POST' : 'PATCH', path, options);
      return answer.then(
        () => 200,
        (error: unknown) => (error instanceof ApiError ? error.status : 0),
      );
    };
    // 404: older servers have neither; newer let authors write both, and take nothing of the metadata.
    for (const subresource of ['ephemeralcontainers', 'resize']) {
      for (const client of [author, binder]) {
        expect(await write(client, subresource), subresource).to.be.oneOf([200, 403, 404, 422]);
        expect((await read(name)).metadata.annotations, subresource).to.deep.equal(pod.metadata.annotations);
      }
    }
    for (const subresource of ['status', 'binding']) expect(await write(author, subresource)).to.equal(403);
    expect((await read(name)).metadata.annotations).to.deep.equal(pod.metadata.annotations);
  });

  it('makes no Binding, and one made by who may says nothing of attachments', async () => {
    for (const [i, path] of [`pods/unbound-0/binding`, 'bindings'].entries()) {
      const name = `unbound-${i}`;
      await author.create(pods, podOf({ namespace, name, spec: byHand, annotations: selecting({ name: 'routed' }) }));
      const annotations = { ...forged('routed', '10.200.64.99/18'), [annotation.reservation]: 'x' };
      const binding = bindingOf(name, 'fake-2', annotations);
      const post = (client: KubeClient) =>
        client.request('POST', `/api/v1/namespaces/${namespace}/${path}`, { body: binding });
      expect((await refusal(post(author))).status).to.equal(403);
      await post(binder);
      const pod = await read(name);
      expect(pod.spec?.nodeName).to.equal('fake-2');
      const [record, ...more] = await ofPod('routed', pod);
      expect(more).to.deep.equal([]);
      expect(attachmentsOf(pod)).to.deep.equal(record?.nics);
      expect(addressesOf(pod)).not.to.include('10.200.64.99/18');
      expect(pod.metadata.annotations).not.to.have.property(annotation.reservation);
    }
  });

  it('gains nothing by opting out and writing our marks himself', async () => {
    const optedOut = { [label.injection]: 'disabled', [label.injected]: 'true' };
    const marks = { [annotation.reservation]: '00000000-0000-0000-0000-000000000001' };
    const make = (name: string, networks: object) =>
      author.create(
        pods,
        podOf({ namespace, name, labels: optedOut, annotations: { ...networks, ...marks }, spec: byHand }),
      );
    await make('trespasser', forged('closed', '10.202.0.9/18'));
    expect((await refusal(bind('trespasser'))).message).to.contain(
      'MNN_NETWORK_NOT_ALLOWED: network closed does not apply to namespace team',
    );
    expect(await recordsOf(admin, 'closed')).to.deep.equal([]);
    await make('believer', forged('flat', '10.201.0.77/18'));
    const pod = await bind('believer');
    expect(addressesOf(pod)).to.have.length(2).and.not.include('10.201.0.77/18');
    expect((await ofPod('flat', pod)).map(({ nics }) => nics)).to.deep.equal([attachmentsOf(pod)]);
  });

  it('gets no address in a namespace that is not labelled, and cannot label it', async () => {
    const annotations = forged('routed', '10.200.0.98/18');
    const labels = { [label.injected]: 'true' };
    const before = await recordsOf(admin, 'routed');
    await author.create(pods, podOf({ namespace: 'plain', name: 'stray', labels, annotations, spec: byHand }));
    const pod = await bind('stray', 'plain');
    expect(await ofPod('routed', pod)).to.deep.equal([]);
    expect(await recordsOf(admin, 'routed')).to.deep.equal(before);
    const opened = { metadata: { labels: { [label.injection]: 'enabled' } } };
    const tried = author.patch(resources.namespaces, { name: 'plain' }, 'merge', opened);
    expect((await refusal(tried)).status).to.equal(403);
  });

  it('gets no address by a definition that names our plugin, of his namespace or another', async () => {
    const config = {
      cniVersion: '1.0.0',
      name: 'routed',
      type: 'multi-nic',
      plugin: { type: 'macvlan', master: 'eth0' },
    };
    for (const place of [namespace, 'plain']) {
      const definition = {
        ...{ apiVersion: 'k8s.cni.cncf.io/v1', kind: 'NetworkAttachmentDefinition' },
        metadata: { name: 'smuggled', namespace: place },
        spec: {
          config: JSON.stringify({ ...config, ipam: { type: 'static', addresses: [{ address: '10.200.0.97/18' }] } }),
        },
      };
      await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(definition) });
      const element = {
        name: 'smuggled',
        namespace: place,
        'cni-args': { [attachmentsKey]: attachments('10.200.0.97/18') },
      };
      const name = `smuggler-${place}`;
      await author.create(pods, podOf({ namespace, name, annotations: selecting(element), spec: byHand }));
      const pod = await bind(name);
      expect(await ofPod('routed', pod)).to.deep.equal([]);
      expect(pod.metadata.labels ?? {}).not.to.have.property(label.injected);
    }
  });

  it('gets for the pods of a Deployment what is theirs, whatever its template says', async () => {
    const template = {
      metadata: { labels: { app: 'd', [label.injected]: 'true' }, annotations: forged('routed', '10.200.0.96/18') },
      spec: { ...byHand, containers: [{ name: 'main', image: 'pause' }] },
    };
    const deployment = {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace } },
      spec: { replicas: 3, selector: { matchLabels: { app: 'd' } }, template },
    };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(deployment), kubeconfig: authorConfig });
    const made = await eventually('the pods of the Deployment', async () => {
      const { items } = await admin.list(pods, { namespace, labelSelector: 'app=d' });
      return items.length === 3 && items;
    });
    const all = await Promise.all(made.map(({ metadata: { name } }) => bind(name)));
    expect(all.flatMap(pod => elementsOf(pod).map(({ name }) => name))).to.deep.equal(['routed', 'routed', 'routed']);
    const addresses = all.flatMap(addressesOf);
    expect(new Set(addresses)).to.have.property('size', 6);
    expect(addresses).not.to.include('10.200.0.96/18');
    for (const pod of all) expect((await ofPod('routed', pod))[0]?.nics).to.deep.equal(attachmentsOf(pod));
  });

  it('writes none of the objects that decide: pools, host indexes, hosts, networks, classes', async () => {
    const written = { metadata: { annotations: { forged: 'yes' } } };
    const kinds = [
      [resources.ipPools, 'routed.fake-1'],
      [resources.cidrs, 'routed-0'],
      [resources.hostInterfaces, 'fake-1'],
      [resources.multiNicNetworks, 'routed'],
      [resources.deviceClasses, 'any'],
    ] as const;
    for (const [resource, name] of kinds) {
      const one = resource as unknown as Resource<resources.Pod>;
      const object = { apiVersion: 'multinic.fms.io/v1', metadata: { name: 'forged' } } as unknown as resources.Pod;
      const tries = [
        () => author.create(one, object),
        () => author.patch(one, { name }, 'merge', written),
        () => author.patch(one, { name }, 'merge', { status: {} }, { subresource: 'status' }),
        () => author.delete(one, { name }),
      ];
      for (const attempt of tries) expect((await refusal(attempt())).status, name).to.equal(403);
    }
  });
});
