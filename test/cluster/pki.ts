import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type CertificateAuthority, createAuthority, type Subject } from '../../certs/authority.ts';

const lifetimeMs = 10 * 365 * 24 * 60 * 60_000;

/** Paths of a PEM certificate and its key. */
export interface KeyPairFiles {
  certificate: string;
  privateKey: string;
}

/** The cluster's certificates: one authority for servers, clients and the front proxy alike, as small clusters do. */
export interface Pki {
  /** PEM. */
  caCertificate: string;
  caFile: string;
  /** The key that signs ServiceAccount tokens. */
  serviceAccountKeyFile: string;
  /** A serving certificate for these host names and addresses, written to NAME.crt and NAME.key. */
  server(name: string, serverNames: readonly string[]): Promise<KeyPairFiles>;
  /** A client certificate, written to NAME.crt and NAME.key. */
  client(name: string, subject: Subject): Promise<KeyPairFiles>;
  /** Where the files of that name are, or would be. */
  files(name: string): KeyPairFiles;
}

/** Makes the authority and the ServiceAccount key in a folder. */
export async function createPki(folder: string): Promise<Pki> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const validity = { now: new Date(), lifetimeMs };
  const authority: CertificateAuthority = await createAuthority({ commonName: 'test-cluster-ca' }, validity);
  const caFile = join(folder, 'ca.crt');
  writeFileSync(caFile, authority.certificate);
  const serviceAccountKeyFile = join(folder, 'service-account.key');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(serviceAccountKeyFile, privateKey.export({ format: 'pem', type: 'sec1' }), { mode: 0o600 });

  const filesOf = (name: string): KeyPairFiles => ({
    certificate: join(folder, `${name}.crt`),
    privateKey: join(folder, `${name}.key`),
  });
  const issue = async (name: string, subject: Subject, serverNames: readonly string[]): Promise<KeyPairFiles> => {
    const pem = await authority.issue({ ...validity, subject, serverNames });
    const files = { certificate: join(folder, `${name}.crt`), privateKey: join(folder, `${name}.key`) };
    writeFileSync(files.certificate, pem.certificate);
    writeFileSync(files.privateKey, pem.privateKey, { mode: 0o600 });
    return files;
  };
  return {
    caCertificate: authority.certificate,
    caFile,
    serviceAccountKeyFile,
    server: (name, serverNames) => issue(name, { commonName: name }, serverNames),
    client: (name, subject) => issue(name, subject, []),
    files: filesOf,
  };
}
