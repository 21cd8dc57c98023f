import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Subject } from '../../certs/authority.ts';
import type { Pki } from './pki.ts';

/** Writes a kubeconfig file for a user (common name) and its groups (organizations), named as the user; returns its path. */
export async function writeKubeconfig(pki: Pki, folder: string, server: string, subject: Subject): Promise<string> {
  const name = subject.commonName.replaceAll(/[^\w.-]/g, '-');
  const files = await pki.client(name, subject);
  const credentials = { 'client-certificate': files.certificate, 'client-key': files.privateKey };
  return write(join(folder, `${name}.kubeconfig`), { pki, server, name, credentials });
}

/** Writes a kubeconfig file of a bearer token; returns its path. */
export function writeTokenKubeconfig(pki: Pki, folder: string, server: string, name: string, token: string): string {
  return write(join(folder, `${name}.token.kubeconfig`), { pki, server, name, credentials: { token } });
}

interface Access {
  readonly pki: Pki;
  readonly server: string;
  readonly name: string;
  readonly credentials: Readonly<Record<string, string>>;
}

function write(path: string, { pki, server, name, credentials }: Access): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': pki.caFile } }],
    users: [{ name, user: credentials }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  };
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 }); // JSON is YAML
  return path;
}
