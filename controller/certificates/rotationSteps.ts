import { type BundledCertificate, isOurs, mergeBundles } from '../../certs/bundle.ts';
import {
  type CertificateContent,
  formatContent,
  withAuthorities,
  withNewAuthority,
  withNewLeaf,
  withoutOldAuthorities,
} from '../../certs/content.ts';
import type { RotationStep } from '../../certs/plan.ts';
import { component } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { type Secret, secrets } from '../../kube/api/resources.ts';
import type { CertificateOptions } from './options.ts';
import { changeBundles, type TrustingConfiguration } from './webhookConfigurations.ts';

export type TakenStep = Exclude<RotationStep, { do: 'wait' }>;

/** What is stored. */
export interface View {
  configurations: readonly TrustingConfiguration[];
  secret: Secret | undefined;
  content: CertificateContent;
}

interface Taking {
  client: KubeClient;
  options: CertificateOptions;
  /** Told of each object that the step has written. @param secret the stored one, if there is one */
  tell: (secret: Secret | undefined, why: string) => void;
}

/**
 * Carries out one step of a rotation.
 * @throws ApiError a conflict where somebody has written since the view was read; TransportError
 */
export async function takeStep(step: TakenStep, view: View, taking: Taking, signal: AbortSignal): Promise<void> {
  const { client, options, tell } = taking;
  const { content, configurations } = view;
  const validity = (lifetimeMs: number): { now: Date; lifetimeMs: number } => ({ now: client.serverTime, lifetimeMs });
  switch (step.do) {
    case 'create-authority': {
      const made = await withNewAuthority(content, validity(options.policy.authority.lifetimeMs));
      tell(await store(made, view, taking, signal), step.reason);
      return;
    }
    case 'adopt-authorities': {
      const found = configurations.flatMap(({ bundles }) => bundles.flat().filter(isOurs));
      const why = 'replicas may serve their certificates, and only a caBundle had them';
      tell(await store(withAuthorities(content, found), view, taking, signal), why);
      return;
    }
    case 'issue-leaf': {
      const made = await withNewLeaf(content, options.serverNames, validity(options.policy.leaf.lifetimeMs));
      tell(await store(made, view, taking, signal), step.reason);
      return;
    }
    case 'retire-authorities':
      tell(await store(withoutOldAuthorities(content), view, taking, signal), 'no replica serves theirs');
      return;
    case 'trust':
      await changeAll(view, taking, bundle => mergeBundles(bundle, content.authorities), signal);
      return;
    case 'distrust': {
      const isRetired = (certificate: BundledCertificate): boolean =>
        isOurs(certificate) && content.authorities.every(({ id }) => id !== certificate.id);
      await changeAll(view, taking, bundle => bundle.filter(one => !isRetired(one)), signal);
    }
  }
}

async function changeAll(
  { configurations, secret }: View,
  { client, tell }: Taking,
  change: (bundle: readonly BundledCertificate[]) => BundledCertificate[],
  signal: AbortSignal,
): Promise<void> {
  for (const configuration of configurations) {
    const isWritten = await changeBundles(client, configuration, change, signal);
    if (isWritten) tell(secret, `caBundle of ${configuration.resource.kind}`);
  }
}

/** @throws ApiError a conflict where somebody has written since the view was read */
async function store(
  content: CertificateContent,
  { secret }: View,
  { client, options }: Taking,
  signal: AbortSignal,
): Promise<Secret> {
  const data = formatContent(content);
  if (secret) return client.update(secrets, { ...secret, data: { ...secret.data, ...data } }, { signal });
  const labels = { 'app.kubernetes.io/name': component.webhook, 'app.kubernetes.io/part-of': 'multi-nic' };
  const metadata = { ...options.secret, labels };
  return client.create<Secret>(secrets, { metadata, type: 'kubernetes.io/tls', data }, { signal });
}
