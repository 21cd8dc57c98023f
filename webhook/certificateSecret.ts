import type { Logger } from 'pino';
import type { KeyAndCertificate } from '../certs/authority.ts';
import { readContent, secretKey } from '../certs/content.ts';
import type { Follow } from '../certs/reload.ts';
import { MultiNicError } from '../core/errors.ts';
import type { KubeClient } from '../kube/api/client.ts';
import { type Secret, secrets } from '../kube/api/resources.ts';
import { Informer } from '../kube/watch/informer.ts';
import type { ReflectorObserver } from '../kube/watch/reflector.ts';

export interface CertificateSecretOptions {
  client: KubeClient;
  logger: Logger;
  secret: { namespace: string; name: string };
  /** Told what the informer does; see createMetrics(). */
  observer?: ReflectorObserver;
}

/**
 * Follows the serving certificate in a Secret (tls.crt, tls.key), by watching it: a change is served within a second, and a pod can start
 * before there is a Secret. A replica that has loaded a certificate keeps it when the Secret is deleted or becomes unusable.
 */
export function certificateSecret(options: CertificateSecretOptions): Follow<KeyAndCertificate> {
  const { client, logger, secret, observer } = options;
  const where = `Secret ${secret.namespace}/${secret.name}`;
  return async (signal, { changed, failed }) => {
    let last: string | undefined;
    const offer = ({ data = {} }: Secret): void => {
      const { leaf } = readContent(data);
      if (leaf) {
        if (JSON.stringify(leaf) === last) return;
        last = JSON.stringify(leaf);
        changed(leaf);
      } else if (data[secretKey.leaf] || data[secretKey.leafKey]) {
        const detail = `${secretKey.leafKey} of the ${where} is not the key of its ${secretKey.leaf}, or one of them is not PEM`;
        failed(new MultiNicError('MNN_CERT_UNUSABLE', detail));
      } else logger.info({ secret }, 'the Secret has no serving certificate yet');
    };
    const informer = new Informer<Secret>({
      client,
      logger,
      resource: secrets,
      name: 'serving certificate',
      namespace: secret.namespace,
      fieldSelector: `metadata.name=${secret.name}`,
      transform: withoutAuthority,
      observer,
    });
    informer.addHandlers({
      added: offer,
      updated: offer,
      deleted: () => {
        logger.warn({ secret }, 'the Secret of the serving certificate was deleted; what was loaded is served on');
      },
    });
    void informer.synced.then(() => {
      if (!informer.get(secret)) logger.info({ secret }, 'there is no Secret with a serving certificate yet');
    });
    await informer.start(signal);
  };
}

/** Replicas that only serve need not hold the authority's key in memory. */
function withoutAuthority(object: Secret): Secret {
  const wanted: readonly string[] = [secretKey.leaf, secretKey.leafKey];
  const data = Object.fromEntries(Object.entries(object.data ?? {}).filter(([key]) => wanted.includes(key)));
  return { ...object, data };
}
