import { expect } from 'chai';
import { annotation, attachmentsKey, label } from '../../core/api/names.ts';
import { readNetwork } from '../../core/network/network.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { network } from '../../test/core/networks.ts';
import { HeldLayouts } from './heldLayouts.ts';

describe('Where pods have their addresses of new networks', () => {
  const { signal } = new AbortController();
  const known = ['a', 'b'].map(name => {
    const object = network(name, { ipam: { interfaceBlock: 3, hostBlock: 7 } });
    object.metadata = { name, uid: name, generation: 1 };
    return { object, state: { network: readNetwork(object), interfaces: [] } };
  });
  const [a, b] = known.map(({ state }) => state.network);
  const view = { networks: () => known };
  const admitted = { [label.injected]: 'true' };

  /** With an address of the second host's block. */
  const pod = (name: string, parts: { namespace?: string; labels?: object; spec?: object; of?: string }): object => {
    const { namespace = 'labelled', labels = admitted, spec = {}, of = 'a' } = parts;
    const nics = [{ netAddress: '172.20.1.0/24', addresses: ['10.200.0.65/19'] }];
    const networks = JSON.stringify([{ name: of, 'cni-args': { [attachmentsKey]: nics } }]);
    const metadata = { name, namespace, uid: name, labels, annotations: { [annotation.networks]: networks } };
    return { metadata, spec: { nodeName: `node-of-${name}`, ...spec } };
  };

  /** @param pods what the API server has; it is asked for them once `released` */
  const serverOf = async (pods: object[], released = Promise.resolve()) => {
    const lists: string[] = [];
    const server = await AnsweringServer.start(({ url = '' }, response) => {
      const { pathname, searchParams } = new URL(url, 'http://server');
      if (pathname === '/api/v1/namespaces') {
        expect(searchParams.get('labelSelector')).to.equal(`${label.injection}=enabled`);
        answerJson(response, 200, { metadata: {}, items: [{ metadata: { name: 'labelled' } }] });
        return;
      }
      lists.push(searchParams.get('fieldSelector') ?? '');
      void released.then(() => answerJson(response, 200, { metadata: {}, items: pods }));
    });
    return { server, lists };
  };

  it('believes attachments of pods that admission has seen', async () => {
    const { server } = await serverOf([
      pod('admitted', {}),
      pod('unlabelled', { namespace: 'other' }),
      pod('not-injected', { labels: {} }),
      pod('opted-out', { labels: { ...admitted, [label.injection]: 'disabled' } }),
      pod('on-the-host', { spec: { hostNetwork: true } }),
    ]);
    await using _ = server;
    const layout = await new HeldLayouts({ client: server.client, view }).of(a!, signal);
    expect([...layout.hosts]).to.deep.equal([['node-of-admitted', 1]]);
    expect(layout.interfaces()).to.deep.equal([{ index: 0, netAddress: '172.20.1.0/24', ordinal: 0 }]);
  });

  it('looks once for all networks that are new, however long it takes, and at no pod that has ended', async () => {
    const gate = Promise.withResolvers<void>();
    const { server, lists } = await serverOf([pod('one', {}), pod('other', { of: 'b' })], gate.promise);
    await using _ = server;
    const layouts = new HeldLayouts({ client: server.client, view });
    const both = [a!, b!, a!].map(each => layouts.of(each, signal));
    gate.resolve();
    const nodes = (await Promise.all(both)).map(({ hosts }) => [...hosts.keys()].join());
    expect(nodes).to.deep.equal(['node-of-one', 'node-of-other', 'node-of-one']);
    await layouts.of(b!, signal);
    expect(lists).to.deep.equal(['status.phase!=Succeeded,status.phase!=Failed']);
  });

  it('looks again for a network that is another one by now, and after a failure', async () => {
    const { server, lists } = await serverOf([pod('one', {})]);
    await using _ = server;
    const layouts = new HeldLayouts({ client: server.client, view });
    await layouts.of(a!, signal);
    await layouts.of({ ...a!, uid: 'a-2' }, signal);
    expect(lists.length).to.equal(2);
    const ended = AbortSignal.abort(new Error('no longer the leader'));
    const failure: unknown = await layouts.of({ ...a!, uid: 'a-3' }, ended).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    expect([...(await layouts.of({ ...a!, uid: 'a-3' }, signal)).hosts.keys()]).to.deep.equal(['node-of-one']);
  });
});
