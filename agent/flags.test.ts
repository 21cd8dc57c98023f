import { expect } from 'chai';
import { parseFlags } from './flags.ts';

describe("the agent's command line", () => {
  const node = { NODE_NAME: 'gpu-07' };

  it('has defaults that fit the DaemonSet', () => {
    expect(parseFlags([], { ...node, NODE_IP: '172.30.2.11', POD_NAMESPACE: 'nets' })).to.deep.include({
      ...{ nodeName: 'gpu-07', namespace: 'nets', primary: { withPrimary: false, nodeIp: '172.30.2.11' } },
      ...{ socket: '/run/multi-nic/cni.sock', stateDir: '/var/lib/multi-nic', cniPath: ['/opt/cni/bin'] },
      ...{ healthPort: 11_080, probeIntervalMs: 60_000, inspectIntervalMs: 300_000 },
    });
  });

  it('is refused with what is wrong', () => {
    const parse =
      (...args: string[]) =>
      () =>
        parseFlags(args, node);
    expect(() => parseFlags([], {})).to.throw('--node-name (or $NODE_NAME) is needed');
    expect(parse('--node-ip=1.2.3')).to.throw('--node-ip must be an address, not "1.2.3"');
    expect(parse('--health-port=x')).to.throw('--health-port must be a whole number from 0 to 65535, not "x"');
    expect(parse('--netlink=foo')).to.throw('--netlink must be auto, koffi, ip, not foo');
    expect(parse('--probe-interval=-1')).to.throw('--probe-interval must be seconds');
    expect(parse('--include=name:[')).to.throw('"name:[" is not a rule');
    expect(parse('--hlep')).to.throw('--hlep');
  });
});
