import { parseArgs } from 'node:util';
import { systemNamespace } from '../core/api/names.ts';

/** What the program was started with. */
export interface Flags {
  port: number;
  healthPort: number;
  cert: string;
  key: string;
  kubeconfig?: string;
  namespace: string;
  controller: boolean;
  drainMs: number;
  concurrency: number;
  queue: number;
  systemUsers: Set<string>;
}

export const help = `multi-nic-webhook: admission webhooks and, in the elected replica, the controller of multi-nic

  --port N            HTTPS port of the webhooks (default 8443)
  --health-port N     port of /healthz, /readyz and /metrics, plain HTTP (default 8080)
  --cert FILE         serving certificate, PEM, followed as it changes (default /etc/multi-nic/tls/tls.crt)
  --key FILE          its key (default /etc/multi-nic/tls/tls.key)
  --kubeconfig FILE   connection to the API server (default: $KUBECONFIG, the pod's service account, ~/.kube/config)
  --namespace NAME    where the system runs: its lease and service accounts (default $POD_NAMESPACE, else ${systemNamespace})
  --no-controller     webhooks only; never a candidate for the controller
  --drain-seconds N   between failing readiness and closing the port (default 5)
  --concurrency N     reviews worked on at once (default 128)
  --queue N           reviews that may wait; one more is refused (default 2048)
  --system-user USER  may change pods' attachments; repeatable (default: the service accounts of the webhook and the agent)
  --help              print this

The log goes to standard output, one JSON object a line; $LOG_LEVEL is trace, debug, info, warn or error.
`;

/**
 * Reads the command line.
 * @returns undefined where help is asked for
 * @throws TypeError or RangeError with what is wrong, for people
 */
export function parseFlags(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Flags | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      port: { type: 'string', default: '8443' },
      'health-port': { type: 'string', default: '8080' },
      cert: { type: 'string', default: '/etc/multi-nic/tls/tls.crt' },
      key: { type: 'string', default: '/etc/multi-nic/tls/tls.key' },
      kubeconfig: { type: 'string' },
      namespace: { type: 'string', default: env.POD_NAMESPACE ?? systemNamespace },
      controller: { type: 'boolean', default: true },
      'drain-seconds': { type: 'string', default: '5' },
      concurrency: { type: 'string', default: '128' },
      queue: { type: 'string', default: '2048' },
      'system-user': { type: 'string', multiple: true },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { namespace, kubeconfig } = values;
  const accounts = ['multi-nic-webhook', 'multi-nic-agent'].map(name => `system:serviceaccount:${namespace}:${name}`);
  return {
    port: wholeNumber('--port', values.port, 0, 65_535),
    healthPort: wholeNumber('--health-port', values['health-port'], 0, 65_535),
    cert: values.cert,
    key: values.key,
    ...(kubeconfig !== undefined && { kubeconfig }),
    namespace,
    controller: values.controller,
    drainMs: 1000 * wholeNumber('--drain-seconds', values['drain-seconds'], 0, 600),
    concurrency: wholeNumber('--concurrency', values.concurrency, 1, 65_536),
    queue: wholeNumber('--queue', values.queue, 0, 1_048_576),
    systemUsers: new Set(values['system-user'] ?? accounts),
  };
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new RangeError(`${flag} must be a whole number from ${least} to ${most}, not "${text}"`);
}
