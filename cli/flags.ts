import { parseArgs } from 'node:util';

/** What the program was asked for. */
export interface AuditFlags {
  network?: string;
  output: 'table' | 'json';
  kubeconfig?: string;
  settleMs: number;
}

export const help = `kubectl-multinic: questions about multi-nic networks, also as "kubectl multinic"

  kubectl multinic audit   compare pods, address pools and interfaces, and tell every disagreement

  --network NAME           only findings of this network
  -o, --output FORMAT      table or json (default table)
  --settle-seconds N       what is found must still be there so much later (default 5)
  --kubeconfig FILE        connection to the API server (default: what kubectl would take)
  --help                   print this

Exit code: 0 nothing found, 1 something found, 2 the cluster cannot be audited.
`;

/**
 * Reads the command line.
 * @returns undefined where help is asked for
 * @throws TypeError or RangeError with what is wrong, for people
 */
export function parseFlags(args: readonly string[]): AuditFlags | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      network: { type: 'string' },
      output: { type: 'string', short: 'o', default: 'table' },
      'settle-seconds': { type: 'string', default: '5' },
      kubeconfig: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { network, output, kubeconfig } = values;
  const seconds = Number(values['settle-seconds']);
  if (positionals.join(' ') !== 'audit')
    throw new RangeError(`the command must be audit, not "${positionals.join(' ')}"`);
  if (output !== 'table' && output !== 'json') throw new RangeError(`--output must be table or json, not "${output}"`);
  if (!(seconds >= 0 && seconds <= 3600)) {
    throw new RangeError(`--settle-seconds must be from 0 to 3600, not "${values['settle-seconds']}"`);
  }
  return {
    output,
    settleMs: seconds * 1000,
    ...(network !== undefined && { network }),
    ...(kubeconfig !== undefined && { kubeconfig }),
  };
}
