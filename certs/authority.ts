import './reflectMetadata.ts';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Clocks differ between machines: by default, a certificate is valid from this long before it was issued. */
const backdateMs = 5 * 60_000;

/** When a certificate is issued and how long after that it may be used. The caller brings the clock. */
export interface Validity {
  now: Date;
  /** Milliseconds after `now` until the certificate expires. */
  lifetimeMs: number;
  /** Valid from then on. Default: five minutes before `now`. */
  notBefore?: Date;
}

/** An X.500 name, as far as Kubernetes uses it: the common name is the user, each organization a group. */
export interface Subject {
  commonName: string;
  organizations?: readonly string[];
}

/** A certificate and its key, both PEM; the key is PKCS #8 (RFC 5958), on the curve P-256. */
export interface KeyAndCertificate {
  certificate: string;
  privateKey: string;
}

/** What a certificate is for: a server under these names, or a client, or both. */
export interface LeafRequest extends Validity {
  subject: Subject;
  /** Host names and IP addresses (RFC 5280 subjectAltName). With at least one, the certificate is good for a server. */
  serverNames?: readonly string[];
  /** Whether the certificate is good for a client (default: when there are no server names). */
  client?: boolean;
}

/** A certificate authority that holds its key in memory. */
export interface CertificateAuthority extends KeyAndCertificate {
  /** Makes a new key and a certificate for it, signed by this authority. It never outlives the authority's own. */
  issue(request: LeafRequest): Promise<KeyAndCertificate>;
}

/** Makes a new self-signed authority, whose certificates may sign leaf certificates only (pathLenConstraint 0). */
export async function createAuthority(subject: Subject, validity: Validity): Promise<CertificateAuthority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: distinguishedName(subject),
    keys,
    ...validityDates(validity),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false),
    ],
  });
  return authority(certificate, keys.privateKey, await privateKeyPem(keys.privateKey));
}

/**
 * Reads an authority back from its PEM texts.
 * @throws Error when either text cannot be parsed, the key is not on P-256, or key and certificate do not belong together.
 */
export async function loadAuthority(pem: KeyAndCertificate): Promise<CertificateAuthority> {
  const certificate = new x509.X509Certificate(pem.certificate);
  const privateKey = createPrivateKey(pem.privateKey);
  if (!new X509Certificate(pem.certificate).checkPrivateKey(privateKey)) {
    throw new Error(`The private key does not belong to the authority's certificate (subject ${certificate.subject})`);
  }
  const pkcs8 = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }));
  const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']);
  return authority(certificate, key, pem.privateKey);
}

function authority(issuer: x509.X509Certificate, key: webcrypto.CryptoKey, privateKey: string): CertificateAuthority {
  return {
    certificate: `${issuer.toString('pem')}\n`,
    privateKey,
    issue: request => issue(issuer, key, request),
  };
}

async function issue(
  issuer: x509.X509Certificate,
  key: webcrypto.CryptoKey,
  request: LeafRequest,
): Promise<KeyAndCertificate> {
  const keys = await generateKeys();
  const dates = validityDates(request);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: distinguishedName(request.subject),
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: key,
    notBefore: dates.notBefore < issuer.notBefore ? issuer.notBefore : dates.notBefore,
    notAfter: dates.notAfter > issuer.notAfter ? issuer.notAfter : dates.notAfter,
    signingAlgorithm: algorithm,
    extensions: await leafExtensions(issuer, keys.publicKey, request),
  });
  return { certificate: `${certificate.toString('pem')}\n`, privateKey: await privateKeyPem(keys.privateKey) };
}

async function leafExtensions(
  issuer: x509.X509Certificate,
  publicKey: webcrypto.CryptoKey,
  request: LeafRequest,
): Promise<x509.Extension[]> {
  const names = request.serverNames ?? [];
  const client = request.client ?? names.length === 0;
  const usages = [
    ...(names.length > 0 ? [x509.ExtendedKeyUsage.serverAuth] : []),
    ...(client ? [x509.ExtendedKeyUsage.clientAuth] : []),
  ];
  if (usages.length === 0) throw new Error('A leaf certificate needs server names, or client: true');
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(usages),
    await x509.SubjectKeyIdentifierExtension.create(publicKey, false),
    await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false),
  ];
  if (names.length > 0) {
    const san = names.map(name => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name }));
    extensions.push(new x509.SubjectAlternativeNameExtension(san));
  }
  return extensions;
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`;
}

/** Kubernetes reads each organization as a group, so each is a relative distinguished name of its own. */
function distinguishedName(subject: Subject): x509.JsonName {
  return [...(subject.organizations ?? []).map(name => ({ O: [name] })), { CN: [subject.commonName] }];
}

/** X.509 times have whole seconds. */
function validityDates({ now, lifetimeMs, notBefore }: Validity): { notBefore: Date; notAfter: Date } {
  const wholeSeconds = (ms: number): Date => new Date(Math.floor(ms / 1000) * 1000);
  return {
    notBefore: wholeSeconds(notBefore?.getTime() ?? now.getTime() - backdateMs),
    notAfter: wholeSeconds(now.getTime() + lifetimeMs),
  };
}
