import { X509Certificate } from 'node:crypto';
import { certificates } from '../core/api/names.ts';

/** A certificate of a PEM text. */
export interface BundledCertificate {
  /** SHA-256 fingerprint. */
  id: string;
  /** One PEM block, ending in a newline. */
  pem: string;
  parsed: X509Certificate;
}

const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, in order. Anything else is skipped, as the API server does (Go's CertPool.AppendCertsFromPEM). */
export function readBundle(text: string): BundledCertificate[] {
  return (text.match(block) ?? []).flatMap(pem => {
    try {
      const parsed = new X509Certificate(pem);
      return [{ id: parsed.fingerprint256, pem: `${pem}\n`, parsed }];
    } catch {
      return [];
    }
  });
}

/** The bundle as it is stored: one PEM certificate after another. */
export function formatBundle(bundle: readonly BundledCertificate[]): string {
  return bundle.map(({ pem }) => pem).join('');
}

/** Whether it is an authority that one of our leaders made. Everything else in a bundle belongs to others, and stays. */
export function isOurs({ parsed }: BundledCertificate): boolean {
  return parsed.ca && parsed.subject === `CN=${certificates.authority}` && parsed.issuer === parsed.subject;
}

/** The bundle, with those others that it lacks added at its end. */
export function mergeBundles(
  bundle: readonly BundledCertificate[],
  add: readonly BundledCertificate[],
): BundledCertificate[] {
  const changed = [...bundle];
  for (const certificate of add) {
    if (changed.every(({ id }) => id !== certificate.id)) changed.push(certificate);
  }
  return changed;
}
