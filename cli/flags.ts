import { parseArgs } from 'node:util';
import type { ConnectionChoice } from '../kube/api/connection.ts';

interface CommonFlags {
  network: string | undefined;
  /** Which API server, if not the one that kubectl would use. */
  connection: ConnectionChoice;
}

/** The command line. */
export interface AuditFlags extends CommonFlags {
  command: 'audit';
  output: 'table' | 'json';
  settleMs: number;
}

export interface ImportFlags extends CommonFlags {
  command: 'import';
  /** Path; `-`: standard input. */
  file: string;
  dryRun: boolean;
}

export interface PodFlags {
  command: 'pod';
  /** Undefined: the kubeconfig's. */
  namespace: string | undefined;
  name: string;
  output: 'text' | 'json';
  connection: ConnectionChoice;
}

export const help = `kubectl-multinic: questions about multi-nic networks, also as "kubectl multinic"

  kubectl multinic audit   compare pods, address pools and interfaces, and report every disagreement

  -o, --output FORMAT      table or json (default table)
  --settle-seconds N       a finding must still be there N seconds later (default 5)

  kubectl multinic pod [-n NAMESPACE] NAME
                           why a pod has, lacks or waits for its NICs, and what to do

  -n, --namespace NAME     the pod's namespace (default: that of the kubeconfig's context)
  -o, --output FORMAT      text or json (default text)

  kubectl multinic import  take over addresses and host blocks from the multi-nic-cni operator, for running pods

  -f, --filename FILE      output of kubectl get cidrs,ippools,hostinterfaces -o yaml; - is standard input
  --dry-run                print what would be written, and write nothing

  audit and import:
  --network NAME           only this network

  All:
  --kubeconfig FILE        connection to the API server (default: the one that kubectl would use)
  --context NAME           context of the kubeconfig (default: its current one)
  -h, --help               print this
  --version                print which release this is

Exit code of audit: 0 nothing found, 1 something found, 2 the cluster cannot be audited.
Exit code of pod: 0 it has all its NICs, 1 it lacks something, 2 that cannot be told.
Exit code of import: 0 imported, 1 something cannot be kept and nothing was written, 2 it failed; run it again.
`;

/**
 * Reads the command line.
 * @returns undefined where help is asked for
 * @throws TypeError or RangeError with what is wrong, for people
 */
export function parseFlags(args: readonly string[]): AuditFlags | ImportFlags | PodFlags | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      network: { type: 'string' },
      namespace: { type: 'string', short: 'n' },
      output: { type: 'string', short: 'o' },
      'settle-seconds': { type: 'string' },
      filename: { type: 'string', short: 'f' },
      'dry-run': { type: 'boolean' },
      kubeconfig: { type: 'string' },
      context: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help || args.length === 0) return undefined;
  const { network, output = 'table', kubeconfig, context, filename } = values;
  const common = { network, connection: { kubeconfig, context } };
  if (positionals[0] === 'pod') return podFlags(values, positionals.slice(1));
  const command = positionals.join(' ');
  refuse(values, ['namespace'], command);
  if (command === 'import') {
    refuse(values, ['output', 'settle-seconds'], command);
    if (filename === undefined) throw new RangeError('--filename must name the saved objects');
    return { command, ...common, file: filename, dryRun: values['dry-run'] ?? false };
  }
  if (command !== 'audit') throw new RangeError(`the command must be audit, pod or import, not "${command}"`);
  refuse(values, ['filename', 'dry-run'], command);
  if (output !== 'table' && output !== 'json') throw new RangeError(`--output must be table or json, not "${output}"`);
  const settle = values['settle-seconds'] ?? '5';
  const seconds = Number(settle);
  if (!(seconds >= 0 && seconds <= 3600)) {
    throw new RangeError(`--settle-seconds must be from 0 to 3600, not "${settle}"`);
  }
  return { command, ...common, output, settleMs: seconds * 1000 };
}

interface PodValues {
  namespace?: string;
  output?: string;
  kubeconfig?: string;
  context?: string;
}

function podFlags(values: PodValues & Record<string, unknown>, names: readonly string[]): PodFlags {
  refuse(values, ['network', 'settle-seconds', 'filename', 'dry-run'], 'pod');
  const { namespace, output = 'text', kubeconfig, context } = values;
  const [name] = names;
  if (name === undefined || names.length > 1) throw new RangeError('pod must be followed by the name of one pod');
  if (output !== 'text' && output !== 'json') throw new RangeError(`--output must be text or json, not "${output}"`);
  return { command: 'pod', namespace, name, output, connection: { kubeconfig, context } };
}

function refuse(values: Readonly<Record<string, unknown>>, flags: readonly string[], command: string): void {
  const wrong = flags.find(flag => values[flag] !== undefined);
  if (wrong !== undefined) throw new RangeError(`${command} has no --${wrong}`);
}
