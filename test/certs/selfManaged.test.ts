import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createAuthority } from '../../certs/authority.ts';
import { readBundle } from '../../certs/bundle.ts';
import { CertificateKeeper } from '../../controller/certificates/certificateKeeper.ts';
import { readConfigurations, type TrustingConfiguration } from '../../controller/certificates/webhookConfigurations.ts';
import { certificates, systemNamespace } from '../../core/api/names.ts';
import { events, type Secret, secrets } from '../../kube/api/resources.ts';
import { parseFlags } from '../../webhook/flags.ts';
import { eventually } from '../eventually.ts';
import { silent } from '../kube/support.ts';
import { followGuide } from '../system/guide.ts';
import { type CertificateSite, startCertificateSite, tenYearsMs } from './site.ts';
import { Storm } from './storm.ts';

const secretRef = { namespace: systemNamespace, name: certificates.secret };
const rotations = [
  ...['--server-name=127.0.0.1', '--ca-propagation=2s', '--ca-overlap=5s'],
  // An authority every 14 s, a leaf every 6 s; none is ever near its end.
  ...['--ca-lifetime=3600s', '--ca-renew-before=3586s', '--cert-lifetime=1800s', '--cert-renew-before=1794s'],
];

describe('self-managed certificates, against a real API server', function () {
  this.timeout(600_000);
  let site: CertificateSite;

  before(async function () {
    this.timeout(900_000);
    site = await startCertificateSite('self-managed', rotations);
  });

  after(async () => {
    await site?.[Symbol.asyncDispose]();
  });

  afterEach(function () {
    if (this.currentTest?.state === 'failed') for (const replica of site.replicas) console.error(replica.logTail());
  });

  const text = (secret: Secret | undefined, key: string): string =>
    Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  const stored = (): Promise<Secret | undefined> => site.client.find(secrets, secretRef);
  const signer = async (): Promise<string | undefined> => readBundle(text(await stored(), 'ca.crt'))[0]?.id;
  const leaf = async (): Promise<X509Certificate | undefined> => {
    const pem = text(await stored(), 'tls.crt');
    return pem.startsWith('-----BEGIN') ? new X509Certificate(pem) : undefined;
  };
  const configurations = (): Promise<TrustingConfiguration[]> =>
    readConfigurations(site.client, certificates.service, AbortSignal.timeout(30_000));
  const ids = (all: readonly TrustingConfiguration[]): string[][] =>
    all.flatMap(({ bundles }) => bundles.map(bundle => bundle.map(({ id }) => id)));

  /** Until a leaf that is not the given one is stored, signed by an authority that every caBundle has. */
  async function newLeaf(than: string | undefined): Promise<X509Certificate> {
    return eventually('a new leaf', async () => {
      const [found, by] = [await leaf(), await signer()];
      const isTrusted = ids(await configurations()).every(bundle => by !== undefined && bundle.includes(by));
      return found && found.fingerprint256 !== than && isTrusted ? found : undefined;
    });
  }

  async function tamper(key: string): Promise<void> {
    const data = { [key]: Buffer.from('-----BEGIN nothing').toString('base64') };
    await site.client.patch(secrets, secretRef, 'merge', { data });
  }

  it('come to be where there are none: replicas wait, the leader makes them, and the API server trusts', async () => {
    await eventually('both replicas to be ready', () => site.service.ready === 2);
    expect((await stored())?.type).to.equal('kubernetes.io/tls');
    await using storm = new Storm(site);
    await eventually('requests to be answered', () => storm.requests > 10);
  });

  it('are rotated three times, authority and leaf, and no request fails; also while a leader ends and another follows', async () => {
    await using storm = new Storm(site);
    const authorities = new Set<string>();
    const leaves = new Set<string>();
    let isRestarted = false;
    await eventually('three rotations', async () => {
      const [by, found] = [await signer(), await leaf()];
      if (by !== undefined) authorities.add(by);
      if (found) leaves.add(found.fingerprint256);
      if (authorities.size === 3 && !isRestarted) {
        isRestarted = true;
        await site.replicas[0]?.restart();
      }
      return authorities.size > 3;
    });
    expect(leaves.size).to.be.greaterThan(3);
    await eventually('the restarted replica', () => site.service.ready === 2);
    expect(storm.failures).to.deep.equal([]);
    expect(storm.requests).to.be.greaterThan(100);
    expect(storm.handshakes).to.be.greaterThan(100);
  });

  it('leave nothing of earlier authorities in a caBundle', async () => {
    const seen = new Set((await configurations()).flatMap(({ bundles }) => bundles.flat().map(({ id }) => id)));
    await eventually('the authorities of now to go', async () => {
      const all = ids(await configurations()).flat();
      return all.length > 0 && all.every(id => !seen.has(id));
    });
  });

  for (const [what, change] of Object.entries<() => Promise<void>>({
    'the Secret is deleted': () => site.client.delete(secrets, secretRef),
    'the leaf is spoilt': () => tamper('tls.crt'),
    'the key of the authority is spoilt': () => tamper('ca.key'),
    'the authorities are spoilt': () => tamper('ca.crt'),
    'the Secret is emptied': async () => {
      await site.client.patch(secrets, secretRef, 'merge', {
        data: { 'tls.crt': '', 'tls.key': '', 'ca.crt': '', 'ca.key': '' },
      });
    },
  })) {
    it(`${what}: it is mended, and no request fails`, async () => {
      await using storm = new Storm(site);
      const before = (await leaf())?.fingerprint256;
      await change();
      await newLeaf(before);
      const count = storm.handshakes;
      await eventually('handshakes afterwards', () => storm.handshakes > count + 50);
      expect(storm.failures).to.deep.equal([]);
    });
  }

  it('are trusted again at once where a caBundle is emptied, and what others have in it stays', async () => {
    const validity = { now: new Date(), lifetimeMs: 3_600_000 };
    const foreign = (await createAuthority({ commonName: 'someone else' }, validity)).certificate;
    for (const { resource, object } of await configurations()) {
      const patch = (object.webhooks ?? []).map((_, i) => {
        const value = Buffer.from(i === 0 ? foreign : '').toString('base64');
        return { op: 'add', path: `/webhooks/${i}/clientConfig/caBundle`, value };
      });
      await site.client.patch(resource, { name: certificates.service }, 'json', patch);
    }
    const [other] = readBundle(foreign);
    await eventually('the caBundles to be mended', async () => {
      const by = await signer();
      return ids(await configurations()).every(bundle => by !== undefined && bundle.includes(by));
    });
    for (const { bundles } of await configurations()) expect(bundles[0]?.[0]?.id).to.equal(other?.id);
    await eventually('requests to be answered', async () => {
      await using storm = new Storm(site);
      await eventually('some of them', () => storm.requests + storm.failures.length > 20);
      return storm.failures.length === 0;
    });
  });

  it('live by the API server’s clock, whatever that of a replica says', async () => {
    await using storm = new Storm(site);
    for (const replica of site.replicas) process.kill(replica.pid, 'SIGUSR2');
    try {
      const [before, by] = [(await leaf())?.fingerprint256, await signer()];
      await eventually('a new authority', async () => (await signer()) !== by);
      const { validFromDate, validToDate } = await newLeaf(before);
      expect(validToDate.getTime()).to.be.lessThan(Date.now() + tenYearsMs / 2);
      expect(validFromDate.getTime()).to.equal(Date.UTC(2020, 0, 1));
    } finally {
      for (const replica of site.replicas) process.kill(replica.pid, 'SIGUSR2');
    }
    expect(storm.failures).to.deep.equal([]);
  });

  it('are rotated by what the guide says, while it shows each step', async () => {
    await using storm = new Storm(site);
    expect(await followGuide(site.cluster, 'certificates: events')).to.contain('CertificateIssued');
    for (const block of ['certificates: new certificate', 'certificates: new authority']) {
      const before = (await leaf())?.fingerprint256;
      await followGuide(site.cluster, block);
      await newLeaf(before);
    }
    expect(storm.failures).to.deep.equal([]);
  });

  it('are rotated while a second leader acts at the same time', async () => {
    const { rotation } = parseFlags(rotations)!;
    const second = new CertificateKeeper({
      client: site.client,
      logger: silent,
      events: { record: () => undefined },
      options: { ...rotation!, secret: secretRef, configurations: certificates.service },
    });
    const stopping = new AbortController();
    const ended = second.start(stopping.signal);
    try {
      await using storm = new Storm(site);
      for (let rotated = 0; rotated < 2; rotated++) {
        const by = await signer();
        await eventually('a new authority', async () => (await signer()) !== by);
      }
      // Which of the two is first is chance: until the second was, too.
      do {
        const before = (await leaf())?.fingerprint256;
        await site.client.delete(secrets, secretRef);
        await newLeaf(before);
      } while ((second.report?.steps.size ?? 0) === 0);
      expect(storm.failures).to.deep.equal([]);
    } finally {
      stopping.abort();
      await ended;
    }
  });

  it('are told about: metrics, events, and nothing worse in the logs than what was done to them', async () => {
    const pages = await Promise.all(
      site.backends.map(async ({ healthPort }) => (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()),
    );
    for (const page of pages) expect(page).to.match(/multinic_serving_certificate_expiry_timestamp_seconds \d/);
    const leading = pages.filter(page => /multinic_certificate_state\{state="\w+"\} 1/.test(page));
    expect(leading).to.have.length(1);
    expect(leading[0]).to.match(/multinic_certificate_expiry_timestamp_seconds\{certificate="authority"\} \d/);
    expect(leading[0]).to.match(/multinic_certificate_steps_total\{step="issue-leaf"\} [1-9]/);
    const { items } = await site.client.list(events, { namespace: systemNamespace });
    const reasons = items.filter(({ involvedObject }) => involvedObject.kind === 'Secret').map(({ reason }) => reason);
    expect(reasons).to.include.members([
      'AuthorityCreated',
      'AuthorityTrusted',
      'CertificateIssued',
      'AuthorityRetired',
    ]);
    const wrong = site.replicas.flatMap(({ logFile }) =>
      readFileSync(logFile, 'utf8')
        .split('\n')
        .filter(line => line.includes('"level":"error"') && !line.includes('MNN_CERT_UNUSABLE')),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('are left alone where cert-manager keeps them', async () => {
    const annotations = { 'cert-manager.io/certificate-name': 'multi-nic-webhook' };
    await site.client.patch(secrets, secretRef, 'merge', { metadata: { annotations } });
    await eventually('the leader to say so', () =>
      site.replicas.some(({ logFile }) => readFileSync(logFile, 'utf8').includes('MNN_CERT_KEPT_BY_OTHERS')),
    );
    const kept = (await stored())?.data;
    // Longer than a leaf is left alone otherwise.
    await sleep(8_000);
    expect((await stored())?.data).to.deep.equal(kept);
    // The way back, as the guide has it.
    await site.client.delete(secrets, secretRef);
    await newLeaf((await leaf())?.fingerprint256);
  });
});
