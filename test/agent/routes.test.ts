import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { pageName } from '../../core/layout/hostIndex.ts';
import { failureMessage } from '../../core/status/routesProgrammed.ts';
import { Namespace } from './namespaces.ts';
import { cidr, hostInterface, hostNames, network, nics, plugIn, populate, RoutedHost, self } from './routedHost.ts';

const anyHost = fc.constantFrom(...hostNames);
const octets = fc.constantFrom(220, 221);
const pages = fc.constantFrom(0, 1);

type Step = (subject: RoutedHost) => void;

const setHost = fc
  .record({ name: anyHost, last: fc.integer({ min: 2, max: 99 }), count: fc.nat(nics) })
  .map(({ name, last, count }): Step => {
    return subject => {
      subject.cluster.setHost(hostInterface(name, last, count));
    };
  });
const deleteHost = anyHost.map((name): Step => {
  return subject => {
    subject.cluster.deleteHost(name);
  };
});
const setPage = fc
  .record({ octet: octets, page: pages, hosts: fc.shuffledSubarray(hostNames) })
  .map(({ octet, page, hosts }): Step => {
    const indexed = hosts.map((hostName, i) => ({ hostName, hostIndex: 64 * page + i }));
    return subject => {
      subject.cluster.setPage(cidr(octet, page, indexed));
    };
  });
const deletePage = fc.record({ octet: octets, page: pages }).map(({ octet, page }): Step => {
  return subject => {
    subject.cluster.deletePage(pageName(`n${octet}`, page));
  };
});
const setNetwork = octets.map((octet): Step => {
  return subject => {
    subject.cluster.setNetwork(network(octet));
  };
});
const deleteNetwork = octets.map((octet): Step => {
  return subject => {
    subject.cluster.deleteNetwork(`n${octet}`);
  };
});
const setSelf = fc.nat(nics).map((count): Step => {
  return subject => {
    subject.cluster.setHost(hostInterface(self, 1, count));
  };
});
const clusterStep = fc.oneof(setHost, deleteHost, setPage, deletePage, setNetwork, deleteNetwork, setSelf);

const kernelStep = fc.constantFrom<Step>(
  ({ namespace }) => {
    namespace.ip('route', 'flush', 'table', 'all', 'proto', '77');
  },
  ({ namespace }) => {
    namespace.ip('rule', 'flush', 'protocol', '77');
  },
  ({ namespace }) => {
    namespace.ip('link', 'set', 'eth1', 'down');
    namespace.ip('link', 'set', 'eth1', 'up');
  },
  ({ namespace }) => {
    namespace.ip('link', 'del', 'eth2');
    plugIn(namespace, 2);
  },
);

describe('agent: its routes', function () {
  this.timeout(120_000);

  it('are after any changes, in the cluster and in the kernel, what they would be anew', async () => {
    const steps = fc.array(
      fc.record({ cluster: fc.array(clusterStep, { maxLength: 3 }), kernel: fc.option(kernelStep, { freq: 3 }) }),
      { minLength: 1, maxLength: 6 },
    );
    await using subject = await RoutedHost.make();
    await fc.assert(
      fc.asyncProperty(steps, async sequence => {
        populate(subject);
        for (const { cluster, kernel } of sequence) {
          for (const step of cluster) step(subject);
          await subject.pass();
          kernel?.(subject);
          await subject.settled();
          expect(subject.present()).to.deep.equal(subject.wanted());
        }
      }),
      { numRuns: 25 },
    );
  });

  it('come back with a link that was made anew, of whatever kind, and also where a pass came between', async () => {
    await using subject = await RoutedHost.make();
    populate(subject);
    await subject.pass();
    const before = subject.present();
    subject.namespace.ip('link', 'del', 'eth1');
    await subject.told();
    await subject.pass();
    expect(failureMessage(subject.failures)).to.equal('network n220: no link eth1; network n221: no link eth1');
    expect(subject.present()).to.have.length(before.length / 2);
    plugIn(subject.namespace, 1);
    await subject.settled();
    expect(subject.present()).to.deep.equal(before);
  });

  it('are not asked for by a link that is down, which is no failure, and come back with it', async () => {
    await using subject = await RoutedHost.make();
    populate(subject);
    await subject.pass();
    const before = subject.present();
    subject.namespace.ip('link', 'set', 'eth1', 'down');
    await subject.told();
    await subject.pass();
    expect(subject.failures).to.deep.equal([]);
    expect(subject.present()).to.have.length(before.length / 2);
    subject.namespace.ip('link', 'set', 'eth1', 'up');
    await subject.settled();
    expect(subject.present()).to.deep.equal(before);
  });

  it('lead out of a link that came up, or was made anew, before there was any host to lead to', async () => {
    await using subject = await RoutedHost.make();
    const { namespace, cluster } = subject;
    populate(subject);
    for (const name of hostNames) cluster.deleteHost(name);
    namespace.ip('link', 'set', 'eth1', 'down');
    await setTimeout(200); // what tells of that has been heard
    await subject.pass();
    namespace.ip('link', 'set', 'eth1', 'up');
    namespace.ip('link', 'del', 'eth2');
    plugIn(namespace, 2);
    namespace.ip('link', 'set', 'eth2', 'up');
    await subject.told();
    await subject.settled();
    cluster.setHost(hostInterface('host-1', 2));
    await subject.pass();
    expect(subject.failures).to.deep.equal([]);
    expect(subject.present()).to.deep.equal(subject.wanted());
  });

  it('that the kernel refuses are no changes, however often they are tried', async () => {
    await using subject = await RoutedHost.make();
    subject.namespace.ip('address', 'flush', 'dev', 'eth1');
    populate(subject);
    await subject.pass();
    expect(subject.present()).to.have.length(subject.wanted().length / 2);
    expect(await subject.pass()).to.equal(0);
    expect(failureMessage(subject.failures)).to.match(
      /^network n220: route.replace .*: Nexthop has invalid gateway; network n221: route.replace .*: Nexthop has invalid gateway$/,
    );
  });

  it('cost what has changed: the kernel is read again only where it, a network or the own NICs have changed', async () => {
    await using subject = await RoutedHost.make();
    populate(subject);
    expect(await subject.pass()).to.equal(2 * (2 * hostNames.length + 1));
    subject.complete = 0;
    subject.cluster.setHost(hostInterface('host-2', 77));
    expect(await subject.pass()).to.equal(4);
    subject.cluster.deleteHost('host-2');
    expect(await subject.pass()).to.equal(4);
    subject.cluster.setNetwork(network(220, 'another status'));
    subject.cluster.setHost(hostInterface(self, 1));
    expect(await subject.pass()).to.equal(0);
    expect(subject.complete).to.equal(0);
    // Its own deletions are heard, and are no reason to look again; a stranger's are.
    await subject.settled();
    expect(subject.complete).to.equal(0);
    subject.namespace.ip('route', 'flush', 'table', 'all', 'proto', '77');
    await subject.settled();
    expect(subject.complete).to.equal(1);
    subject.cluster.deleteNetwork('n221');
    await subject.pass();
    expect(subject.complete).to.equal(2);
    await subject.settled();
  });

  it('cost nothing where pods come and go whose primary network is a bridge', async () => {
    await using subject = await RoutedHost.make();
    populate(subject);
    const { namespace } = subject;
    namespace.ip('link', 'add', 'cni0', 'up', 'type', 'bridge');
    await setTimeout(200); // what tells of the NICs and the bridge has been heard
    await subject.pass();
    subject.complete = 0;
    using pod = new Namespace('pod');
    namespace.ip(
      'link',
      'add',
      'veth0',
      'up',
      'master',
      'cni0',
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      pod.name,
    );
    pod.ip('link', 'set', 'eth0', 'up');
    pod.ip('link', 'del', 'eth0');
    await setTimeout(200);
    await subject.settled();
    expect(subject.complete).to.equal(0);
  });

  it('cost nothing where a device flaps that no network uses', async () => {
    await using subject = await RoutedHost.make();
    populate(subject);
    await setTimeout(200); // what tells of the NICs has been heard
    await subject.pass();
    subject.complete = 0;
    // Like a NIC, and other than what these tests make, the loopback is of no kind.
    subject.namespace.ip('link', 'set', 'lo', 'down');
    subject.namespace.ip('link', 'set', 'lo', 'up');
    await setTimeout(200);
    await subject.settled();
    expect(subject.complete).to.equal(0);
  });
});
