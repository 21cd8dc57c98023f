import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { createAuthority } from './authority.ts';
import { formatBundle, isOurs, mergeBundles, readBundle } from './bundle.ts';
import {
  type CertificateContent,
  factsOf,
  formatContent,
  readContent,
  secretKey,
  withAuthorities,
  withNewAuthority,
  withNewLeaf,
  withoutOldAuthorities,
} from './content.ts';

const now = new Date('2026-03-01T12:00:00Z');
const day = 24 * 3600 * 1000;
const names = ['multi-nic-webhook.nets.svc', '127.0.0.1'];
const empty: CertificateContent = { authorities: [] };
const year = { now, lifetimeMs: 365 * day };
const season = { now, lifetimeMs: 90 * day };

async function complete(): Promise<CertificateContent> {
  return withNewLeaf(await withNewAuthority(empty, year), names, season);
}

describe('what the certificate Secret has', () => {
  let content: CertificateContent;
  let foreign: string;

  before(async () => {
    content = await complete();
    foreign = (await createAuthority({ commonName: 'someone else' }, year)).certificate;
  });

  it('is written and read back', () => {
    const data = formatContent(content);
    expect(Object.keys(data)).to.have.members(['tls.crt', 'tls.key', 'ca.crt', 'ca.key']);
    expect(factsOf(readContent(data), names)).to.deep.equal(factsOf(content, names));
    const facts = factsOf(content, names);
    const [first] = facts.authorities;
    expect(facts).to.deep.include({ canSign: true });
    expect(first).to.include({ notBefore: Date.UTC(2020, 0, 1), notAfter: now.getTime() + 365 * day });
    expect(facts.leaf).to.include({
      ...{ issuer: first?.id, fitsNames: true },
      ...{ notBefore: Date.UTC(2020, 0, 1), notAfter: now.getTime() + 90 * day },
    });
  });

  it('has the keys that its type demands before there is a leaf', async () => {
    const data = formatContent(await withNewAuthority(empty, year));
    expect(data).to.include({ 'tls.crt': '', 'tls.key': '' });
    expect(factsOf(readContent(data), names).leaf).to.equal(undefined);
  });

  it('keeps the leaf and the old authority when there is a new one, which then signs', async () => {
    const next = await withNewAuthority(content, year);
    expect(next.leaf).to.deep.equal(content.leaf);
    const before = factsOf(next, names);
    expect(before.authorities.map(({ id }) => id)[1]).to.equal(content.authorities[0]?.id);
    expect(before.leaf?.issuer).to.equal(content.authorities[0]?.id);
    const after = await withNewLeaf(next, names, season);
    expect(factsOf(after, names).leaf?.issuer).to.equal(next.authorities[0]?.id);
    expect(withoutOldAuthorities(after).authorities).to.deep.equal(next.authorities.slice(0, 1));
  });

  it('takes over authorities that only a caBundle still has, once, and signs with its own', async () => {
    const [lost] = content.authorities;
    const made = await withNewAuthority(empty, year);
    const next = withAuthorities(made, [lost!, lost!]);
    expect(next.authorities).to.deep.equal([...made.authorities, lost]);
    expect(factsOf(next, names).canSign).to.equal(true);
  });

  it('says when a leaf lacks a name, and when the key is that of another', async () => {
    expect(factsOf(content, [...names, 'other']).leaf?.fitsNames).to.equal(false);
    const other = await complete();
    const swapped = {
      ...content,
      leaf: { certificate: content.leaf!.certificate, privateKey: other.leaf!.privateKey },
    };
    expect(readContent(formatContent(swapped)).leaf).to.equal(undefined);
    expect(factsOf({ ...content, authorityKey: other.authorityKey! }, names).canSign).to.equal(false);
  });

  it('is read as far as possible, whatever it contains', () => {
    const data = formatContent(content);
    const torn = fc.record({ key: fc.constantFrom(...Object.values(secretKey)), at: fc.nat(3000), text: fc.string() });
    fc.assert(
      fc.property(torn, ({ key, at, text }) => {
        const whole = Buffer.from(data[key]!, 'base64').toString();
        const spoilt = Buffer.from(whole.slice(0, at) + text).toString('base64');
        const facts = factsOf(readContent({ ...data, [key]: spoilt }), names);
        if (facts.leaf) expect(facts.leaf.id).to.equal(new X509Certificate(content.leaf!.certificate).fingerprint256);
        for (const { id } of facts.authorities) expect(id).to.equal(content.authorities[0]?.id);
      }),
      { numRuns: 200 },
    );
    expect(readContent({})).to.deep.equal({ authorities: [] });
  });

  describe('a caBundle', () => {
    it('gets what it lacks at its end, and keeps the rest as it is', () => {
      const bundle = readBundle(`some text\n${foreign}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`);
      expect(bundle.map(isOurs)).to.deep.equal([false]);
      const changed = mergeBundles(bundle, content.authorities);
      expect(formatBundle(changed)).to.equal(foreign + content.authorities[0]!.pem);
      expect(changed.map(isOurs)).to.deep.equal([false, true]);
      expect(mergeBundles(changed, content.authorities)).to.deep.equal(changed);
    });
  });
});
