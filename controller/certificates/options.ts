import type { RotationPolicy } from '../../certs/plan.ts';

/** How the leader keeps the webhook's certificates. */
export interface CertificateOptions {
  /** Where they are. */
  secret: { namespace: string; name: string };
  /** Name of the mutating and of the validating webhook configuration. */
  configurations: string;
  /** DNS names and addresses that the API server calls. */
  serverNames: readonly string[];
  policy: RotationPolicy;
}
