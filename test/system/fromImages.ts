import { createAuthority } from '../../certs/authority.ts';
import { systemNamespace } from '../../core/api/names.ts';
import { buildImages } from '../../images/build.ts';
import type { Cluster } from '../cluster/index.ts';
import { followGuide } from './guide.ts';

/**
 * What a cluster needs so that its API server reaches webhooks behind a Service: nothing proxies Services here, so it goes to their
 * endpoints.
 */
export const reachesServices = ['--enable-aggregator-routing=true'];

/** Builds the system's images and loads them into every node, as pulling from a registry would. */
export async function loadImages(cluster: Cluster): Promise<void> {
  const archive = await buildImages();
  await Promise.all(cluster.nodes.map(node => node.importImage(archive)));
}

/** Installs from images and manifests, as the guide says. @returns when webhook and agents are rolled out */
export async function install(cluster: Cluster, overlay: string): Promise<void> {
  await followGuide(cluster, 'install: install', { overlay });
  if (othersCertify.includes(overlay)) await giveCertificate(cluster);
  await followGuide(cluster, 'install: rolled out');
}

/** Overlays in which cert-manager or OpenShift makes the webhook's certificate. */
const othersCertify = ['cert-manager', 'openshift'];

/** What those controllers do: a Secret for the webhook, the authority for the API server. */
async function giveCertificate(cluster: Cluster): Promise<void> {
  const validity = { now: new Date(), lifetimeMs: 24 * 3600 * 1000 };
  const authority = await createAuthority({ commonName: 'webhook authority' }, validity);
  const name = `multi-nic-webhook.${systemNamespace}.svc`;
  const leaf = await authority.issue({ ...validity, subject: { commonName: name }, serverNames: [name] });
  const secret = {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' },
    metadata: { name: 'multi-nic-webhook-tls', namespace: systemNamespace },
    stringData: { 'tls.crt': leaf.certificate, 'tls.key': leaf.privateKey },
  };
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(secret) });
  const caBundle = Buffer.from(authority.certificate).toString('base64');
  for (const kind of ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration']) {
    const { stdout } = await cluster.kubectl(['get', kind, 'multi-nic-webhook', '-o', 'json']);
    const { webhooks } = JSON.parse(stdout) as { webhooks: object[] };
    const patch = webhooks.map((_, i) => ({
      op: 'add',
      path: `/webhooks/${i}/clientConfig/caBundle`,
      value: caBundle,
    }));
    await cluster.kubectl(['patch', kind, 'multi-nic-webhook', '--type=json', '-p', JSON.stringify(patch)]);
  }
}
