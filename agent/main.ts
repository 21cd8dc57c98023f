/** The node daemon. Only wires; see --help. */
import { component } from '../core/api/names.ts';
import { KubeClient } from '../kube/api/client.ts';
import { runProgram } from '../kube/process/commandLine.ts';
import { runAll, terminationSignal } from '../kube/process/lifecycle.ts';
import { createLogger, logStart } from '../kube/process/log.ts';
import { createAgent } from './agent.ts';
import { dieAt, dieAtVariable } from './base/steps.ts';
import { Checkpoint } from './checkpoint/checkpoint.ts';
import { holdNode } from './cniServer/nodeLock.ts';
import { type Flags, help, parseFlags } from './flags.ts';
import { Installation } from './install/installation.ts';
import { installExecutable } from './install/installExecutable.ts';
import { leave } from './install/uninstall.ts';
import { openNetlink } from './netlink/open.ts';
import { preferMemory } from './preferMemory.ts';

preferMemory();

async function run(options: Flags): Promise<void> {
  const logger = createLogger(component.agent).child({ node: options.nodeName });
  logStart(logger);
  using termination = terminationSignal(logger);
  if (options.cniBinDir !== undefined) {
    const written = await installExecutable(options.executable, options.cniBinDir);
    logger.info({ folder: options.cniBinDir, written }, 'CNI executable in place');
  }
  await using lock = await holdNode(options.socket, termination.signal, logger);
  if (!lock) return;
  logger.debug({ lock: lock.fd }, 'the only agent of the node');
  const checkpoint = await Checkpoint.open(options.stateDir, logger);
  const { kubeconfig, namespace } = options;
  await using client = await KubeClient.connect({ userAgent: component.agent, kubeconfig });
  await using netlink = await openNetlink(options.netlink, err => {
    logger.warn({ err }, 'koffi does not load here: the network is set up with iproute2 (ip -batch), more slowly');
  });
  const onStep = dieAt(process.env[dieAtVariable]);
  const base = { client, netlink, checkpoint, logger, onStep };
  const installation = namespace === undefined ? undefined : new Installation(client, namespace, logger);
  const parts = [...(installation ? [installation] : []), ...createAgent(options, base)];
  await runAll(termination.signal, parts, { logger });
  if (installation) await leave(installation, options, { netlink, checkpoint, logger });
}

await runProgram({ name: component.agent, help, see: 'docs/reference/agent.md', parseFlags }, run);
