import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { expect } from 'chai';
import { type CertificateAuthority, createAuthority, loadAuthority } from './authority.ts';

const now = new Date('2026-03-01T12:00:00.500Z');
const day = 24 * 60 * 60_000;
const year = { now, lifetimeMs: 365 * day };

describe('certificate authority', () => {
  let authority: CertificateAuthority;

  before(async () => {
    authority = await createAuthority({ commonName: 'test-ca' }, year);
  });

  it('signs itself and may sign leaf certificates', () => {
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.ca).to.equal(true);
    expect(certificate.subject).to.equal('CN=test-ca');
    expect(certificate.checkIssued(certificate)).to.equal(true);
    expect(certificate.verify(certificate.publicKey)).to.equal(true);
  });

  it('issues server certificates for names and addresses of both families', async () => {
    const issued = await authority.issue({
      ...year,
      subject: { commonName: 'webhook' },
      serverNames: ['webhook.system.svc', '10.96.0.1', 'fd00::1'],
    });
    const certificate = new X509Certificate(issued.certificate);
    expect(certificate.checkHost('webhook.system.svc')).to.equal('webhook.system.svc');
    expect(certificate.checkIP('10.96.0.1')).to.equal('10.96.0.1');
    expect(certificate.checkIP('fd00::1')).to.equal('fd00::1');
    expect(certificate.checkHost('other.system.svc')).to.equal(undefined);
    expect(certificate.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.1']);
    expect(certificate.ca).to.equal(false);
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).to.equal(true);
  });

  it('issues client certificates whose organizations are groups', async () => {
    const subject = { commonName: 'system:node:a', organizations: ['system:nodes', 'more'] };
    const certificate = new X509Certificate((await authority.issue({ ...year, subject })).certificate);
    expect(certificate.subject.split('\n')).to.have.members(['O=system:nodes', 'O=more', 'CN=system:node:a']);
    expect(certificate.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.2']);
  });

  it('backdates by five minutes and never outlives its authority', async () => {
    const request = { now, lifetimeMs: 1000 * day, subject: { commonName: 'x' } };
    const certificate = new X509Certificate((await authority.issue(request)).certificate);
    expect(certificate.validFromDate.toISOString()).to.equal('2026-03-01T11:55:00.000Z');
    expect(certificate.validToDate.toISOString()).to.equal('2027-03-01T12:00:00.000Z');
  });

  it('refuses a certificate that is good for nothing', async () => {
    const request = authority.issue({ ...year, subject: { commonName: 'x' }, client: false });
    expect(await request.then(String, String)).to.contain('needs server names, or client: true');
  });

  it('is read back from PEM, and refuses a key of another', async () => {
    const again = await loadAuthority({ certificate: authority.certificate, privateKey: authority.privateKey });
    const issued = await again.issue({ ...year, subject: { commonName: 'x' } });
    const certificate = new X509Certificate(issued.certificate);
    expect(certificate.checkIssued(new X509Certificate(authority.certificate))).to.equal(true);
    const other = await createAuthority({ commonName: 'test-ca' }, year);
    const mixed = loadAuthority({ certificate: authority.certificate, privateKey: other.privateKey });
    expect(await mixed.then(String, String)).to.contain('does not belong');
  });

  it('is accepted by TLS on both sides', async () => {
    const valid = { now: new Date(), lifetimeMs: day };
    const live = await createAuthority({ commonName: 'live' }, valid);
    const server = await live.issue({ ...valid, subject: { commonName: 'server' }, serverNames: ['127.0.0.1'] });
    const client = await live.issue({ ...valid, subject: { commonName: 'client' } });
    const ca = live.certificate;
    const listener = createServer({ ca, cert: server.certificate, key: server.privateKey, requestCert: true });
    try {
      await once(listener.listen(0, '127.0.0.1'), 'listening');
      const accepted = once(listener, 'secureConnection');
      const { port } = listener.address() as AddressInfo;
      const socket = connect({ host: '127.0.0.1', port, ca, cert: client.certificate, key: client.privateKey });
      await Promise.all([once(socket, 'secureConnect'), accepted]);
      expect(socket.authorized).to.equal(true);
      socket.destroy();
    } finally {
      listener.close();
    }
  });
});
