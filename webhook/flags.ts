import { parseArgs } from 'node:util';
import { defaultPolicy, type RotationPolicy } from '../certs/plan.ts';
import type { KeyPairPaths } from '../certs/reload.ts';
import { certificates, systemNamespace } from '../core/api/names.ts';
import { wholeNumber } from '../kube/process/commandLine.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { defaultLimits, type WebhookLimits } from './server/limits.ts';

/** The program's command line. */
export interface Flags {
  port: number;
  healthPort: number;
  /** Where the serving certificate is: in a Secret of the namespace, or in files. */
  certificate: { secret: string } | KeyPairPaths;
  /** How the leader keeps the Secret; undefined: something else keeps it. */
  rotation: { serverNames: string[]; policy: RotationPolicy } | undefined;
  /** Undefined: anybody who reaches the port is answered. */
  clients: { authorityFile: string; names: Set<string> | undefined } | undefined;
  kubeconfig: string | undefined;
  namespace: string;
  controller: boolean;
  drainMs: number;
  limits: WebhookLimits;
  systemUsers: Set<string>;
}

const mib = 2 ** 20;

const { authority, leaf, propagationMs, overlapMs } = defaultPolicy;

export const help = `multi-nic-webhook: admission webhooks and, in the elected replica, the controller of multi-nic

  --port N               HTTPS port of the webhooks (default 8443)
  --health-port N        port of /healthz, /readyz and /metrics, plain HTTP (default 8080)
  --kubeconfig FILE      connection to the API server (default: $KUBECONFIG, the pod's service account, ~/.kube/config)
  --namespace NAME       where the system runs: its lease, Secret and accounts (default $POD_NAMESPACE, else ${systemNamespace})
  --no-controller        webhooks only; never a candidate for the controller
  --drain-seconds N      between failing readiness and closing the port (default 5)
  --concurrency N        reviews worked on at once (default ${defaultLimits.concurrency})
  --queue N              reviews that may wait; further ones are refused (default ${defaultLimits.queue})
  --body-mib N           MiB of reviews being read, waiting and worked on; further ones are refused (default ${defaultLimits.bodyBytes / mib})
  --system-user USER     may change pods' attachments; repeatable (default: the service accounts of the webhook and the agent)
  -h, --help             print this
  --version              print which release this is

Certificates; durations are whole numbers with s, m, h or d:

  --cert-secret NAME     Secret with the serving certificate (tls.crt, tls.key), followed as it changes (default ${certificates.secret})
  --no-manage-certs      the leader leaves that Secret and every caBundle alone: something else keeps them, for example cert-manager
  --cert FILE            serving certificate in a file, PEM, followed as it changes; takes --key, and implies --no-manage-certs
  --key FILE             its key
  --server-name NAME     DNS name or address that the API server calls; repeatable (default ${certificates.service}.<namespace>.svc)
  --cert-lifetime D      how long a serving certificate lives (default ${formatDuration(leaf.lifetimeMs)})
  --cert-renew-before D  how long before its end it is renewed (default ${formatDuration(leaf.renewBeforeMs)})
  --ca-lifetime D        how long an authority lives (default ${formatDuration(authority.lifetimeMs)})
  --ca-renew-before D    how long before its end it is renewed (default ${formatDuration(authority.renewBeforeMs)})
  --ca-propagation D     how long every API server may take to use a changed caBundle (default ${formatDuration(propagationMs)})
  --ca-overlap D         how long every replica may take to serve a changed certificate (default ${formatDuration(overlapMs)})
  --client-ca-file FILE  serve only clients with a certificate of this authority, PEM, followed as it changes (default: any client)
  --client-name NAME     common name that the client's certificate must have; repeatable (default: any)

The environment variable LOG_LEVEL (debug, info, warn, error) says how much is logged (default info).
`;

/**
 * Reads the command line.
 * @returns undefined if help is asked for
 * @throws TypeError or RangeError with what is wrong, for people
 */
export function parseFlags(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Flags | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      port: { type: 'string', default: '8443' },
      'health-port': { type: 'string', default: '8080' },
      kubeconfig: { type: 'string' },
      namespace: { type: 'string', default: env.POD_NAMESPACE ?? systemNamespace },
      controller: { type: 'boolean', default: true },
      'drain-seconds': { type: 'string', default: '5' },
      concurrency: { type: 'string', default: String(defaultLimits.concurrency) },
      queue: { type: 'string', default: String(defaultLimits.queue) },
      'body-mib': { type: 'string', default: String(defaultLimits.bodyBytes / mib) },
      'system-user': { type: 'string', multiple: true },
      'cert-secret': { type: 'string', default: certificates.secret },
      'manage-certs': { type: 'boolean', default: true },
      cert: { type: 'string' },
      key: { type: 'string' },
      'server-name': { type: 'string', multiple: true },
      ...policyOptions,
      'client-ca-file': { type: 'string' },
      'client-name': { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { namespace, kubeconfig } = values;
  const accounts = ['multi-nic-webhook', 'multi-nic-agent'].map(name => `system:serviceaccount:${namespace}:${name}`);
  const certificate = certificateOf(values['cert-secret'], values.cert, values.key);
  const policy = policyOf(values);
  const serverNames = values['server-name'] ?? [`${certificates.service}.${namespace}.svc`];
  return {
    port: wholeNumber('--port', values.port, 0, 65_535),
    healthPort: wholeNumber('--health-port', values['health-port'], 0, 65_535),
    certificate,
    rotation: values['manage-certs'] && 'secret' in certificate ? { serverNames, policy } : undefined,
    clients: clientsOf(values['client-ca-file'], values['client-name']),
    kubeconfig,
    namespace,
    controller: values.controller,
    drainMs: 1000 * wholeNumber('--drain-seconds', values['drain-seconds'], 0, 600),
    limits: {
      concurrency: wholeNumber('--concurrency', values.concurrency, 1, 65_536),
      queue: wholeNumber('--queue', values.queue, 0, 1_048_576),
      bodyBytes: mib * wholeNumber('--body-mib', values['body-mib'], 1, 65_536),
    },
    systemUsers: new Set(values['system-user'] ?? accounts),
  };
}

const policyOptions = {
  'cert-lifetime': { type: 'string', default: formatDuration(leaf.lifetimeMs) },
  'cert-renew-before': { type: 'string', default: formatDuration(leaf.renewBeforeMs) },
  'ca-lifetime': { type: 'string', default: formatDuration(authority.lifetimeMs) },
  'ca-renew-before': { type: 'string', default: formatDuration(authority.renewBeforeMs) },
  'ca-propagation': { type: 'string', default: formatDuration(propagationMs) },
  'ca-overlap': { type: 'string', default: formatDuration(overlapMs) },
} as const;

/** @throws RangeError if one is no duration, certificates would be renewed all the time, or a leaf could outlive its authority */
function policyOf(values: Readonly<Record<keyof typeof policyOptions, string>>): RotationPolicy {
  const duration = (flag: keyof typeof policyOptions): number => parseDuration(`--${flag}`, values[flag]);
  const policy = {
    authority: { lifetimeMs: duration('ca-lifetime'), renewBeforeMs: duration('ca-renew-before') },
    leaf: { lifetimeMs: duration('cert-lifetime'), renewBeforeMs: duration('cert-renew-before') },
    propagationMs: duration('ca-propagation'),
    overlapMs: duration('ca-overlap'),
  };
  const shorter = (flag: keyof typeof policyOptions, than: keyof typeof policyOptions): void => {
    if (duration(flag) < duration(than)) return;
    throw new RangeError(`--${flag} (${values[flag]}) must be shorter than --${than} (${values[than]})`);
  };
  shorter('cert-renew-before', 'cert-lifetime');
  shorter('ca-renew-before', 'ca-lifetime');
  // When an authority is renewed, it has that long left.
  if (policy.leaf.lifetimeMs > policy.authority.renewBeforeMs) {
    throw new RangeError(
      `--cert-lifetime (${values['cert-lifetime']}) must not be longer than --ca-renew-before (${values['ca-renew-before']})`,
    );
  }
  return policy;
}

function certificateOf(secret: string, cert: string | undefined, key: string | undefined): Flags['certificate'] {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return { secret };
  throw new TypeError('--cert and --key must be given together');
}

function clientsOf(authorityFile: string | undefined, names: string[] | undefined): Flags['clients'] {
  if (authorityFile !== undefined) return { authorityFile, names: names && new Set(names) };
  if (!names) return undefined;
  throw new TypeError('--client-name needs --client-ca-file: without an authority, a name proves nothing');
}
