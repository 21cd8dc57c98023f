import { expect } from 'chai';
import { defaultPolicy } from '../certs/plan.ts';
import { help, parseFlags } from './flags.ts';

describe('the command line', () => {
  it('has defaults that fit the Deployment', () => {
    expect(parseFlags([], { POD_NAMESPACE: 'nets' })).to.deep.equal({
      port: 8443,
      healthPort: 8080,
      certificate: { secret: 'multi-nic-webhook-tls' },
      rotation: { serverNames: ['multi-nic-webhook.nets.svc'], policy: defaultPolicy },
      clients: undefined,
      kubeconfig: undefined,
      namespace: 'nets',
      controller: true,
      drainMs: 5_000,
      limits: { concurrency: 128, queue: 2048, bodyBytes: 16 * 1024 * 1024 },
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

  it('says who keeps the certificate', () => {
    const rotation = parseFlags([
      '--ca-propagation=2s',
      '--cert-lifetime',
      '60d',
      '--server-name=a',
      '--server-name=b',
    ])?.rotation;
    expect(rotation?.serverNames).to.deep.equal(['a', 'b']);
    expect(rotation?.policy.propagationMs).to.equal(2_000);
    expect(rotation?.policy.leaf.lifetimeMs).to.equal(60 * 24 * 3600 * 1000);
    const others = parseFlags(['--no-manage-certs', '--cert-secret=tls']);
    expect(others)
      .to.deep.include({ certificate: { secret: 'tls' } })
      .and.to.have.property('rotation', undefined);
    const files = parseFlags(['--cert=c', '--key=k']);
    expect(files)
      .to.deep.include({ certificate: { cert: 'c', key: 'k' } })
      .and.to.have.property('rotation', undefined);
  });

  it('says who may call', () => {
    const clients = { authorityFile: 'f', names: new Set(['a', 'b']) };
    const flags = parseFlags(['--client-ca-file=f', '--client-name=a', '--client-name=b']);
    expect(flags?.clients).to.deep.equal(clients);
  });

  it('is refused with what is wrong', () => {
    expect(() => parseFlags(['--cert=c'])).to.throw('--cert and --key must be given together');
    expect(() => parseFlags(['--client-name=a'])).to.throw('--client-name needs --client-ca-file');
    expect(() => parseFlags(['--ca-overlap=1w'])).to.throw('--ca-overlap must be a whole number with s, m, h or d');
    expect(() => parseFlags(['--cert-lifetime=1d'])).to.throw(
      '--cert-renew-before (30d) must be shorter than --cert-lifetime (1d)',
    );
    expect(() => parseFlags(['--ca-renew-before=365d'])).to.throw(
      '--ca-renew-before (365d) must be shorter than --ca-lifetime (365d)',
    );
    expect(() => parseFlags(['--ca-renew-before=89d'])).to.throw(
      '--cert-lifetime (90d) must not be longer than --ca-renew-before (89d)',
    );
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
