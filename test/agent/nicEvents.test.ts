import { expect } from 'chai';
import { NicEvents } from '../../agent/discovery/nicEvents.ts';
import type { MonitorGroup } from '../../agent/netlink/monitor.ts';
import { netlinkIn } from '../../bench/support/ownNamespace.ts';
import { Namespace } from './namespaces.ts';

const groups: readonly MonitorGroup[] = [
  ...(['link', 'ipv4-address', 'ipv6-address'] as const),
  ...(['ipv4-route', 'ipv6-route', 'ipv4-rule'] as const),
];

describe('agent: what tells of a host’s NICs', () => {
  const setUp = [
    'link add eth1 type veth peer name port1',
    'address add 172.20.1.11/24 dev eth1',
    'link set eth1 up',
    'link set port1 up',
    'link add cni0 up type bridge',
    'link add spare type veth peer name spare-port',
  ];

  /** Which of these changes the kernel tells of by an event that matters. */
  async function telling(changes: Record<string, readonly string[]>): Promise<string[]> {
    using namespace = new Namespace('nics');
    namespace.batch(setUp);
    await using netlink = netlinkIn(namespace);
    const told: string[] = [];
    for (const [what, lines] of Object.entries(changes)) {
      const events = new NicEvents();
      await using monitor = await netlink.monitor(null, groups);
      const [links, addresses, routes] = await netlink.run(null, [
        { op: 'link.list' },
        { op: 'address.list' },
        { op: 'route.list' },
      ]);
      events.haveRead({ links, addresses, routes });
      namespace.batch([...lines, 'rule add from 192.0.2.0/24 table 7']);
      // The rule is told after everything else.
      for await (const event of monitor) {
        if (event.type === 'rule') break;
        if (events.isConcernedBy(event) && told.at(-1) !== what) told.push(what);
      }
      namespace.ip('rule', 'del', 'from', '192.0.2.0/24', 'table', '7');
    }
    return told;
  }

  it('is all that becomes of those with an address, and of addresses and routes to subnets', async () => {
    const changes = {
      mtu: ['link set eth1 mtu 1400'],
      flap: ['link set eth1 down', 'link set eth1 up'],
      name: ['link set eth1 down', 'link set eth1 name rail1', 'link set rail1 name eth1 up'],
      port: ['link set eth1 master cni0', 'link set eth1 nomaster'],
      address: ['address add 10.7.0.1/24 dev spare'],
      route: ['route add 10.8.0.0/24 dev eth1'],
      default: ['route add default via 172.20.1.1'],
      gone: ['link del eth1'],
    };
    expect(await telling(changes)).to.deep.equal(Object.keys(changes));
  });

  it('is nothing where pods come and go on the primary network, or routes by gateways do', async () => {
    const changes = {
      bridged: [
        'link add veth1 up master cni0 type veth peer name pod1',
        'link set pod1 up',
        'link set veth1 mtu 1400',
        'link del veth1',
      ],
      routed: [
        'link add cali1 up type veth peer name pod2',
        'link set pod2 up',
        'route add 10.244.0.7/32 dev cali1',
        'link del cali1',
      ],
      gateways: ['route add 10.9.0.0/16 via 172.20.1.2', 'route del 10.9.0.0/16'],
    };
    expect(await telling(changes)).to.deep.equal([]);
  });
});
