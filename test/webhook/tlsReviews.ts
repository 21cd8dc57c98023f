import { writeFileSync } from 'node:fs';
import { createAuthority } from '../../certs/authority.ts';

export const validity = { now: new Date(), lifetimeMs: 3_600_000 };

/** Signs the server's certificates. */
export const authority = createAuthority({ commonName: 'test CA' }, validity);

/** Writes the server a certificate of that name. */
export async function issue(paths: { cert: string; key: string }, commonName: string): Promise<void> {
  const leaf = await (await authority).issue({ ...validity, subject: { commonName }, serverNames: ['127.0.0.1'] });
  writeFileSync(paths.cert, leaf.certificate);
  writeFileSync(paths.key, leaf.privateKey);
}

/** An AdmissionReview, as the API server sends it. */
export function review(uid: string, more: object = {}): object {
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const resource = { group: '', version: 'v1', resource: 'pods' };
  const body = { uid, kind, resource, operation: 'CREATE', object: {}, userInfo: {}, ...more };
  return { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request: body };
}
