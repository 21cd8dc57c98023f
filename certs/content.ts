import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import { certificates } from '../core/api/names.ts';
import { createAuthority, type KeyAndCertificate, loadAuthority, type Validity } from './authority.ts';
import { type BundledCertificate, formatBundle, isOurs, mergeBundles, readBundle } from './bundle.ts';
import { type StoredFacts, validFrom } from './plan.ts';

/** The keys of the Secret's data: those of type kubernetes.io/tls, ca.crt as cert-manager has it, and the authority's key. */
export const secretKey = {
  leaf: 'tls.crt',
  leafKey: 'tls.key',
  authorities: 'ca.crt',
  authorityKey: 'ca.key',
} as const;

/** What the leader keeps in the Secret. */
export interface CertificateContent {
  /** Those of ours that the API server should trust. The first one signs. */
  authorities: readonly BundledCertificate[];
  /** PEM of the first one's key. */
  authorityKey?: string;
  /** Absent if it is missing or has another one's key. */
  leaf?: KeyAndCertificate;
}

/** Data of a Secret, or of a part of one: base64 by key. */
export type SecretData = Readonly<Record<string, string>>;

/** Reads what is usable of a Secret, and ignores the rest. Never throws, whatever has been written into it. */
export function readContent(data: SecretData): CertificateContent {
  const authorities = readBundle(text(data, secretKey.authorities)).filter(isOurs);
  const authorityKey = text(data, secretKey.authorityKey);
  const leaf = { certificate: text(data, secretKey.leaf), privateKey: text(data, secretKey.leafKey) };
  return {
    authorities,
    ...(authorityKey && { authorityKey }),
    ...(isPair(leaf) && { leaf }),
  };
}

/** The Secret's data. Keys that type kubernetes.io/tls demands are there, if empty, before the first leaf is. */
export function formatContent({ authorities, authorityKey = '', leaf }: CertificateContent): SecretData {
  const texts = {
    [secretKey.leaf]: leaf?.certificate ?? '',
    [secretKey.leafKey]: leaf?.privateKey ?? '',
    [secretKey.authorities]: formatBundle(authorities),
    [secretKey.authorityKey]: authorityKey,
  };
  return Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
}

/** @param serverNames what the API server calls us by */
export function factsOf(content: CertificateContent, serverNames: readonly string[]): StoredFacts {
  const { authorities, authorityKey, leaf } = content;
  const [first] = authorities;
  const parsed = leaf && new X509Certificate(leaf.certificate);
  const issuer = parsed && authorities.find(({ parsed: by }) => parsed.checkIssued(by) && parsed.verify(by.publicKey));
  return {
    authorities: authorities.map(({ id, parsed: authority }) => ({ id, ...times(authority) })),
    canSign: first !== undefined && authorityKey !== undefined && isSigningKey(first.parsed, authorityKey),
    ...(parsed && {
      leaf: {
        id: parsed.fingerprint256,
        ...times(parsed),
        ...(issuer && { issuer: issuer.id }),
        fitsNames: serverNames.every(name => isFor(parsed, name)),
      },
    }),
  };
}

/** With a new authority before all known ones; the leaf stays as it is. */
export async function withNewAuthority(content: CertificateContent, validity: Validity): Promise<CertificateContent> {
  const made = await createAuthority({ commonName: certificates.authority }, { ...validity, notBefore });
  const authorities = [...readBundle(made.certificate), ...content.authorities];
  return { ...content, authorities, authorityKey: made.privateKey };
}

/** With authorities that only caBundles have, after the known ones. */
export function withAuthorities(content: CertificateContent, found: readonly BundledCertificate[]): CertificateContent {
  return { ...content, authorities: mergeBundles(content.authorities, found) };
}

/** A new leaf, signed by the first authority. @throws Error where that cannot sign */
export async function withNewLeaf(
  content: CertificateContent,
  serverNames: readonly string[],
  validity: Validity,
): Promise<CertificateContent> {
  const [first] = content.authorities;
  const authority = await loadAuthority({ certificate: first?.pem ?? '', privateKey: content.authorityKey ?? '' });
  const subject = { commonName: certificates.service };
  return { ...content, leaf: await authority.issue({ ...validity, notBefore, subject, serverNames }) };
}

/** Only the first authority. */
export function withoutOldAuthorities(content: CertificateContent): CertificateContent {
  return { ...content, authorities: content.authorities.slice(0, 1) };
}

/** Whether a TLS server can be started with them: certificate (or chain, the leaf first) and key can be read and belong together. */
export function isPair({ certificate, privateKey }: KeyAndCertificate): boolean {
  try {
    createSecureContext({ cert: certificate, key: privateKey });
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey));
  } catch {
    return false;
  }
}

const notBefore = new Date(validFrom);

function text(data: SecretData, key: string): string {
  return Buffer.from(data[key] ?? '', 'base64').toString();
}

function times({ validFromDate, validToDate }: X509Certificate): { notBefore: number; notAfter: number } {
  return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() };
}

function isSigningKey(certificate: X509Certificate, pem: string): boolean {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return false;
  }
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' && certificate.checkPrivateKey(key);
}

function isFor(certificate: X509Certificate, name: string): boolean {
  const found = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name);
  return found !== undefined;
}
