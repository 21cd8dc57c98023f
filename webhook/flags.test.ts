import { expect } from 'chai';
import { help, parseFlags } from './flags.ts';

describe('the command line', () => {
  it('has defaults that fit the Deployment', () => {
    expect(parseFlags([], { POD_NAMESPACE: 'nets' })).to.deep.equal({
      port: 8443,
      healthPort: 8080,
      cert: '/etc/multi-nic/tls/tls.crt',
      key: '/etc/multi-nic/tls/tls.key',
      namespace: 'nets',
      controller: true,
      drainMs: 5_000,
      concurrency: 128,
      queue: 2048,
      systemUsers: new Set([
        'system:serviceaccount:nets:multi-nic-webhook',
        'system:serviceaccount:nets:multi-nic-agent',
      ]),
    });
  });

  it('is read', () => {
    const args = ['--port=1', '--no-controller', '--system-user', 'a', '--system-user', 'b', '--kubeconfig', 'k'];
    const flags = parseFlags(args, {});
    expect(flags).to.include({ port: 1, controller: false, kubeconfig: 'k', namespace: 'multi-nic-system' });
    expect(flags?.systemUsers).to.deep.equal(new Set(['a', 'b']));
  });

  it('is refused with what is wrong', () => {
    expect(() => parseFlags(['--port', '70000'])).to.throw(
      '--port must be a whole number from 0 to 65535, not "70000"',
    );
    expect(() => parseFlags(['--prot=1'])).to.throw('--prot');
  });

  it('is explained, every flag of it', () => {
    expect(parseFlags(['--help'])).to.equal(undefined);
    for (const flag of [
      'port',
      'health-port',
      'cert',
      'key',
      'kubeconfig',
      'namespace',
      'no-controller',
      'drain-seconds',
    ]) {
      expect(help).to.contain(`--${flag}`);
    }
  });
});
