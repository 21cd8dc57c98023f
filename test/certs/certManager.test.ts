import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type CertificateAuthority, createAuthority } from '../../certs/authority.ts';
import { readBundle } from '../../certs/bundle.ts';
import { readConfigurations } from '../../controller/certificates/webhookConfigurations.ts';
import { certificates, systemNamespace } from '../../core/api/names.ts';
import { secrets } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { type CertificateSite, startCertificateSite } from './site.ts';
import { Storm } from './storm.ts';

const secretRef = { namespace: systemNamespace, name: certificates.secret };
const encode = (text: string): string => Buffer.from(text).toString('base64');

/** This test is cert-manager and its cainjector, which cannot run here. */
describe('certificates of cert-manager, against a real API server', function () {
  this.timeout(300_000);
  let site: CertificateSite;
  let authority: CertificateAuthority;

  before(async function () {
    this.timeout(900_000);
    site = await startCertificateSite('cert-manager', ['--no-manage-certs']);
    // What the overlay leaves out: the account may then only read the Secret.
    const both = ['rolebinding', 'clusterrolebinding'].map(kind => [kind, 'multi-nic-webhook-certificates']);
    for (const one of both) await site.cluster.kubectl(['-n', systemNamespace, 'delete', ...one]);
    authority = await createAuthority(
      { commonName: 'multi-nic-authority' },
      { now: new Date(), lifetimeMs: 3_600_000 },
    );
  });

  after(async () => {
    await site?.[Symbol.asyncDispose]();
  });

  afterEach(function () {
    if (this.currentTest?.state === 'failed') for (const replica of site.replicas) console.error(replica.logTail());
  });

  /** A Secret's data as cert-manager writes it for a Certificate of a CA Issuer. */
  async function issued(minutes: number): Promise<Record<string, string>> {
    const subject = { commonName: 'multi-nic-webhook' };
    const leaf = await authority.issue({
      now: new Date(),
      lifetimeMs: minutes * 60_000,
      subject,
      serverNames: ['127.0.0.1'],
    });
    return {
      'tls.crt': encode(leaf.certificate),
      'tls.key': encode(leaf.privateKey),
      'ca.crt': encode(authority.certificate),
    };
  }

  /** As the cainjector does: replaces the caBundle of every webhook. */
  async function inject(): Promise<void> {
    for (const { resource, object } of await configurations()) {
      const patch = (object.webhooks ?? []).map((_, i) => ({
        op: 'add',
        path: `/webhooks/${i}/clientConfig/caBundle`,
        value: encode(authority.certificate),
      }));
      await site.client.patch(resource, { name: certificates.service }, 'json', patch);
    }
  }

  const configurations = () => readConfigurations(site.client, certificates.service, AbortSignal.timeout(30_000));
  const logs = (): string[] => site.replicas.map(({ logFile }) => readFileSync(logFile, 'utf8'));

  /** Until every replica serves the certificate. */
  async function served(data: Record<string, string>): Promise<void> {
    const { validTo } = new X509Certificate(Buffer.from(data['tls.crt'] ?? '', 'base64'));
    const expires = String(Date.parse(validTo) / 1000);
    await eventually('every replica to serve it', async () => {
      const pages = await Promise.all(
        site.backends.map(async ({ healthPort }) => (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()),
      );
      return pages.every(page => page.includes(`multinic_serving_certificate_expiry_timestamp_seconds ${expires}`));
    });
  }

  it('are waited for: replicas lead, but do not serve, and do not end', async () => {
    await eventually('a replica to lead', () => logs().some(log => log.includes('"msg":"leading"')));
    expect(site.service.ready).to.equal(0);
    expect(site.replicas.every(({ running }) => running)).to.equal(true);
    const annotations = { 'cert-manager.io/certificate-name': 'multi-nic-webhook' };
    const data = await issued(39);
    await site.client.create(secrets, { metadata: { ...secretRef, annotations }, type: 'kubernetes.io/tls', data });
    await inject();
    await eventually('both replicas to be ready', () => site.service.ready === 2);
  });

  it('are followed as cert-manager renews them, and no request fails', async () => {
    await using storm = new Storm(site);
    // Each of another lifetime, by which it is known again; the authority outlives them.
    for (const minutes of [40, 41, 42]) {
      const data = await issued(minutes);
      await site.client.patch(secrets, secretRef, 'merge', { data });
      await served(data);
      const { handshakes } = storm;
      await eventually('handshakes with it', () => storm.handshakes > handshakes + 20);
    }
    expect(storm.failures).to.deep.equal([]);
  });

  it('and their caBundles are nobody else’s', async () => {
    for (const { bundles } of await configurations()) {
      for (const bundle of bundles) {
        expect(bundle.map(({ id }) => id)).to.deep.equal([readBundle(authority.certificate)[0]?.id]);
      }
    }
    expect(logs().filter(log => log.includes('"level":"error"'))).to.deep.equal([]);
  });
});
