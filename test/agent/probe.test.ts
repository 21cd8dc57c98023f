import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { askPeers } from '../../agent/probe/askPeers.ts';
import { tokenSize } from '../../agent/probe/echo.ts';
import { EchoSocket } from '../../agent/probe/echoSocket.ts';
import { apiVersion } from '../../core/api/names.ts';
import type { Condition, HostNic } from '../../core/api/types.ts';
import { events, hostInterfaces } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { followGuide } from '../system/guide.ts';
import { testTimeoutMs } from './inside.ts';
import { Namespace } from './namespaces.ts';
import { networkSpec } from './networks.ts';
import { Site } from './site.ts';

const kind = { apiVersion, kind: 'HostInterface' };
/** TEST-NET-1 (RFC 5737): nobody has it. */
const nobody = '192.0.2.1';
const loopback = 1;

describe('agent: asking for echoes', () => {
  const never = new AbortController().signal;

  it('tells who answers, and how long that took', async () => {
    const questions = ['127.0.0.1', nobody, '127.0.0.2'].map(address => ({ device: loopback, address }));
    const [first, second, third] = await askPeers(questions, 1_000, never);
    expect([typeof first, second, typeof third]).to.deep.equal(['number', undefined, 'number']);
  });

  for (const [family, host] of [
    [4, '127.0.0.1'],
    [6, '::1'],
  ] as const) {
    it(`hears it in IPv${family} in a flood of answers that others send`, async () => {
      const [token, others] = [randomBytes(tokenSize), randomBytes(tokenSize)];
      const answered = Promise.withResolvers<number>();
      using socket = new EchoSocket(family, token, answered.resolve);
      using flooding = new EchoSocket(family, others, () => undefined);
      // The kernel answers each within the call, and nobody reads until this turn of the event loop is over.
      for (let i = 0; i < 5_000; i += 1) flooding.send(loopback, host, i);
      socket.send(loopback, host, 7);
      expect(await answered.promise).to.equal(7);
    });
  }

  it('takes a NIC that has gone for one that does not answer', async () => {
    const gone = { device: 0x7fff_ffff, address: '127.0.0.1' };
    expect(await askPeers([gone, { device: loopback, address: '127.0.0.1' }], 1_000, never)).to.have.property(
      '0',
      undefined,
    );
    expect(await askPeers([gone], 60_000, never)).to.deep.equal([undefined]);
  });

  it('ends at once when it is told to, with nothing left open', async () => {
    await setImmediate(); // mocha's own timer begins once the test waits
    const openFiles = (): number => readdirSync('/proc/self/fd').length;
    const timers = (): number => process.getActiveResourcesInfo().filter(type => type === 'Timeout').length;
    const [filesBefore, timersBefore] = [openFiles(), timers()];
    const stopping = new AbortController();
    const asking = askPeers([{ device: loopback, address: nobody }], 3_600_000, stopping.signal);
    expect(openFiles()).to.equal(filesBefore + 1);
    expect(timers()).to.equal(timersBefore + 1);
    stopping.abort();
    expect(await asking).to.deep.equal([undefined]);
    expect(openFiles()).to.equal(filesBefore);
    expect(timers()).to.equal(timersBefore);
  });
});

/** Plugs one more NIC of a host into a switch. */
const plug = (host: number, nic: number, bridge: string, into: Namespace): string =>
  `link add h${host}n${nic} up master ${bridge} type veth peer name eth${nic} netns ${into.name}`;

/** The addresses of a host's NICs, by name. */
const addressesOf = (host: number) => ({
  eth1: [{ netAddress: '172.20.1.0/24', hostIP: `172.20.1.${10 + host}` }],
  eth2: [
    { netAddress: '172.20.2.0/24', hostIP: `172.20.2.${10 + host}` },
    { netAddress: 'fd00:2::/64', hostIP: `fd00:2::${10 + host}` },
  ],
  eth3: [{ netAddress: '172.20.1.0/24', hostIP: `172.20.1.${30 + host}` }],
});

/** Sets the NIC up with the addresses that Host has not given it. */
const setUp = (host: number, nic: keyof ReturnType<typeof addressesOf>): string[] => [
  `link set ${nic} up`,
  ...addressesOf(host)[nic].map(({ netAddress, hostIP }) => {
    const prefix = netAddress.split('/')[1] ?? '';
    return `address replace ${hostIP}/${prefix} dev ${nic}${hostIP.includes(':') ? ' nodad' : ''}`;
  }),
];

const names = ['eth1', 'eth2', 'eth3'] as const;

/**
 * host-1 has the agent. host-2 and host-3 have none: the kernel answers. eth1 and eth3 of each host are in one subnet and on one switch, and eth2
 * has an IPv6 address, too.
 */
describe('agent: connectivity probe', function () {
  this.timeout(testTimeoutMs);
  let site: Site;
  const others = new DisposableStack();

  before(async () => {
    site = await Site.start({ hosts: 1, nics: 2, agentOptions: ['--probe-interval', '0.4'] });
    const { switches, hosts, client } = site;
    switches.batch(['link add swx up type bridge']);
    for (const index of [1, 2, 3]) {
      const namespace = index === 1 ? hosts[0]!.namespace : others.use(new Namespace(`host-${index}`));
      const missing =
        index === 1
          ? [plug(1, 3, 'sw1', namespace)]
          : [1, 2, 3].map(n => plug(index, n, n === 2 ? 'sw2' : 'sw1', namespace));
      switches.batch(missing);
      namespace.batch(names.flatMap(name => setUp(index, name)));
      // Linux answers for the address of a NIC at another one in the subnet, and a strict filter drops what comes by that.
      namespace.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=2');
      if (index === 1) continue;
      const interfaces = names.map((interfaceName): HostNic => {
        const addresses = addressesOf(index)[interfaceName];
        return { interfaceName, ...addresses[0], addresses };
      });
      const name = `host-${index}`;
      await client.create(hostInterfaces, { ...kind, metadata: { name }, spec: { hostName: name, interfaces } });
    }
    await site.addNetwork('probed', networkSpec({ type: 'ipvlan', vlanMode: 'l2' }, 230));
  });
  after(async () => {
    others.dispose();
    await site?.[Symbol.asyncDispose]();
  });

  const condition = async (): Promise<Condition | undefined> => {
    const { status } = await site.client.get(hostInterfaces, { name: 'host-1' });
    return status?.conditions?.find(({ type }) => type === 'PeersReachable');
  };
  const isTold = (status: Condition['status'], message: RegExp) => async (): Promise<boolean> => {
    const now = await condition();
    return now?.status === status && message.test(now.message);
  };
  const metric = (name: string): string[] => site.hosts[0]!.metric(name);
  const reachable = (values: readonly [number, number, number, number]): string[] => [
    `{nic="eth1",subnet="172.20.1.0/24"} ${values[0]}`,
    `{nic="eth2",subnet="172.20.2.0/24"} ${values[1]}`,
    `{nic="eth2",subnet="fd00:2::/64"} ${values[2]}`,
    `{nic="eth3",subnet="172.20.1.0/24"} ${values[3]}`,
  ];
  const areReachable =
    (...values: [number, number, number, number]) =>
    (): boolean =>
      metric('multinic_nic_reachable').join() === reachable(values).join();
  const event = (reason: string) => async () =>
    (await site.client.list(events)).items.find(
      item => item.reason === reason && item.involvedObject.name === 'host-1',
    );

  it('gets answers over each NIC, in both families', async () => {
    await eventually('all are reachable', areReachable(1, 1, 1, 1));
    await eventually('it is told', isTold('True', /^Each NIC whose link is up gets answers/));
    expect(metric('multinic_probe_round_trip_seconds')).to.have.length(4);
    expect(metric('multinic_probe_requests_total')).to.have.length(4);
  });

  it('names the NIC that is in another layer 2, with its link up, and not the one beside it in the subnet', async () => {
    const { switches, client } = site;
    switches.ip('link', 'set', 'h1n3', 'master', 'swx');
    await eventually('eth3 is named', isTold('False', /^eth3 gets no answer in 172.20.1.0\/24 from host-\d, host-\d$/));
    await eventually('the metric says so', areReachable(1, 1, 1, 0));
    const { spec } = await client.get(hostInterfaces, { name: 'host-1' });
    expect(spec.interfaces.map(({ linkState }) => linkState)).to.deep.equal(['up', 'up', 'up']);
    await eventually('a warning', event('PeersUnreachable'));
    const printed = await followGuide(site.cluster, 'troubleshooting: peers');
    expect(printed)
      .to.match(/^host-1 .* False /m)
      .and.to.match(/^host-1: eth3 gets no answer/m);
    expect(printed).to.match(/ Warning +PeersUnreachable +hostinterface\/host-1 +eth3 gets no answer/);
    switches.ip('link', 'set', 'h1n3', 'master', 'sw1');
    await eventually('all is well again', isTold('True', /./));
    await eventually('an event', event('PeersReachable'));
  });

  it('names both subnets of a NIC whose cable is cut behind its link, and no link that is down', async () => {
    const { switches, hosts } = site;
    switches.ip('link', 'set', 'h1n2', 'nomaster');
    await eventually('eth2 is named', isTold('False', /^eth2 .* 172.20.2.0\/24 .*; eth2 .* fd00:2::\/64 .*$/));
    switches.ip('link', 'set', 'h1n2', 'down');
    await eventually('the others are well', isTold('True', /./));
    switches.batch(['link set h1n2 up master sw2']);
    hosts[0]!.namespace.batch(setUp(1, 'eth2'));
    await eventually('all are reachable', areReachable(1, 1, 1, 1));
  });

  it('writes nothing while nothing changes', async () => {
    const version = async (): Promise<string | undefined> =>
      (await site.client.get(hostInterfaces, { name: 'host-1' })).metadata.resourceVersion;
    const requests = (): string => metric('multinic_probe_requests_total').join();
    const [versionBefore, requestsBefore] = [await version(), requests()];
    await eventually('more rounds', () => requests() !== requestsBefore);
    expect(await version()).to.equal(versionBefore);
  });

  it('stops with the agent, and is silent where it is turned off', async () => {
    const [host] = site.hosts;
    await host!.stopAgent('SIGTERM');
    expect(host!.log).not.to.contain('does not stop');
    await host!.startAgent({}, ['--probe-interval', '0']);
    await eventually('it is told', isTold('Unknown', /not asked/));
    expect(metric('multinic_nic_reachable')).to.deep.equal([]);
  });
});
