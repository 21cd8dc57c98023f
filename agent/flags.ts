import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { defaultSocketPath, socketVariable } from '../core/cni/wire.ts';
import { wholeNumber } from '../kube/process/commandLine.ts';
import type { PrimaryOptions } from './discovery/hostNics.ts';
import { type NicRules, readNicRule } from './discovery/nicRules.ts';
import { type NetlinkChoice, netlinkChoices } from './netlink/open.ts';

/** The options of one agent. */
export interface Flags {
  readonly nodeName: string;
  readonly kubeconfig: string | undefined;
  readonly socket: string;
  readonly stateDir: string;
  /** The folder to install the executable into; absent: it is not installed. */
  readonly cniBinDir: string | undefined;
  /** The folder of networks in which the primary one is chained; absent: it is left alone. */
  readonly chain: string | undefined;
  /** Where the agent's DaemonSet is; absent: it never takes itself for uninstalled. */
  readonly namespace: string | undefined;
  /** Where other plugins are looked for after the call's own CNI_PATH. */
  readonly cniPath: readonly string[];
  readonly kubeletDir: string;
  readonly sysfs: string;
  /** The executable to install. */
  readonly executable: string;
  readonly healthPort: number;
  readonly rules: NicRules;
  readonly primary: PrimaryOptions;
  /** The means of changing the kernel's network configuration. */
  readonly netlink: NetlinkChoice;
  /** From one round of the connectivity probe to the next, ms; 0: the probe is off. */
  readonly probeIntervalMs: number;
  /** From one look at pods' interfaces to the next, ms; 0: they are not looked at. */
  readonly inspectIntervalMs: number;
}

export const help = `multi-nic-agent: the node's part of multi-nic. It discovers NICs, programs L3 routes and serves CNI calls.

  --node-name NAME     the node that it runs on                       [$NODE_NAME]
  --node-ip IP         the node's address: decides which NIC is the primary one if no default route does  [$NODE_IP]
  --kubeconfig PATH    how to reach the API server                    [$KUBECONFIG, the pod's service account, ~/.kube/config]
  --socket PATH        the socket that the CNI executable calls       [$${socketVariable}, ${defaultSocketPath}]
  --state-dir PATH     state that outlives the process                [/var/lib/multi-nic]
  --cni-bin-dir PATH   install the CNI executable into this folder    [not installed]
  --chain PATH         make the executable the last plugin of the primary network in this folder, in a copy of it  [Multus calls it]
  --namespace NAME     where the agent's DaemonSet is: when that goes, the agent uninstalls itself  [$POD_NAMESPACE]
  --cni-path PATHS     where to look for other CNI plugins, after the call's CNI_PATH  [--cni-bin-dir, else /opt/cni/bin]
  --kubelet-dir PATH   the kubelet's folder, for devices of pods      [/var/lib/kubelet]
  --sysfs PATH         the kernel's view of PCI devices               [/sys]
  --executable PATH    the CNI executable to install                  [dist/multi-nic beside the agent]
  --health-port PORT   /healthz, /readyz and /metrics                 [11080]
  --include RULE       only NICs that match; repeatable               [all but USB NICs to management controllers]
  --exclude RULE       no NIC that matches; repeatable                [none]
  --with-primary       also offer the primary NIC, the one with the default route  [not offered]
  --netlink WAY        auto, koffi (raw netlink) or ip (iproute2, slower)  [auto: koffi where it loads]
  --probe-interval S   ask other hosts over each NIC for an answer (ICMP echo) every S seconds; 0: never  [60]
  --inspect-interval S check, for the audit, that pods still have their addresses every S seconds; 0: never  [300]
  -h, --help           print this
  --version            print which release this is

A RULE is name:REGEX, driver:NAME, pci:ADDRESS (with * for anything) or subnet:CIDR; alone it is a REGEX of names.

The environment variable LOG_LEVEL (debug, info, warn, error) says how much is logged  [info].
`;

/**
 * Reads the command line.
 * @returns undefined where help is asked for
 * @throws Error that says what is wrong with which flag
 */
export function parseFlags(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Flags | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'node-name': { type: 'string', default: env.NODE_NAME ?? '' },
      'node-ip': { type: 'string', default: env.NODE_IP ?? '' },
      kubeconfig: { type: 'string' },
      socket: { type: 'string', default: env[socketVariable] ?? defaultSocketPath },
      'state-dir': { type: 'string', default: '/var/lib/multi-nic' },
      'cni-bin-dir': { type: 'string' },
      chain: { type: 'string' },
      namespace: { type: 'string', ...(env.POD_NAMESPACE !== undefined && { default: env.POD_NAMESPACE }) },
      'cni-path': { type: 'string' },
      'kubelet-dir': { type: 'string', default: '/var/lib/kubelet' },
      sysfs: { type: 'string', default: '/sys' },
      executable: { type: 'string', default: new URL('../dist/multi-nic', import.meta.url).pathname },
      'health-port': { type: 'string', default: '11080' },
      include: { type: 'string', multiple: true, default: [] },
      exclude: { type: 'string', multiple: true, default: [] },
      'with-primary': { type: 'boolean', default: false },
      netlink: { type: 'string', default: 'auto' },
      'probe-interval': { type: 'string', default: '60' },
      'inspect-interval': { type: 'string', default: '300' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  if (values['node-name'] === '') throw new Error('--node-name (or $NODE_NAME) is needed');
  const netlink = netlinkChoices.find(choice => choice === values.netlink);
  if (netlink === undefined) throw new Error(`--netlink must be ${netlinkChoices.join(', ')}, not ${values.netlink}`);
  return {
    nodeName: values['node-name'],
    kubeconfig: values.kubeconfig,
    socket: values.socket,
    stateDir: values['state-dir'],
    cniBinDir: values['cni-bin-dir'],
    chain: values.chain,
    namespace: values.namespace,
    cniPath: (values['cni-path'] ?? values['cni-bin-dir'] ?? '/opt/cni/bin').split(':').filter(path => path !== ''),
    kubeletDir: values['kubelet-dir'],
    sysfs: values.sysfs,
    executable: values.executable,
    healthPort: wholeNumber('--health-port', values['health-port'], 0, 65_535),
    rules: { include: values.include.map(readNicRule), exclude: values.exclude.map(readNicRule) },
    primary: { withPrimary: values['with-primary'], nodeIp: readNodeIp(values['node-ip']) },
    netlink,
    probeIntervalMs: readInterval('--probe-interval', values['probe-interval']) * 1000,
    inspectIntervalMs: readInterval('--inspect-interval', values['inspect-interval']) * 1000,
  };
}

function readNodeIp(text: string): string | undefined {
  if (text === '') return undefined;
  if (isIP(text)) return text;
  throw new Error(`--node-ip must be an address, not "${text}"`);
}

/** Of the probe, half of it is what an answer may take. @returns seconds */
function readInterval(flag: string, text: string): number {
  const seconds = text === '' ? NaN : Number(text);
  if (seconds === 0 || (seconds >= 0.1 && seconds <= 86_400)) return seconds;
  throw new Error(`${flag} must be seconds, 0 (never) or from 0.1 to 86400, not ${text}`);
}
