/** A process that wants to be leader, for tests that pause it. Arguments: kubeconfig, name of the lease, times as JSON. */
import { once } from 'node:events';
import { KubeClient } from '../../kube/api/client.ts';
import { LeaderElector } from '../../kube/leader/leaderElection.ts';
import { silent } from './support.ts';

const [kubeconfig = '', name = '', times = '{}'] = process.argv.slice(2);
const say = (message: string) => process.send?.(message);
const client = await KubeClient.connect({ kubeconfig });
const controller = new AbortController();
process.once('disconnect', () => {
  controller.abort();
});

const elector = new LeaderElector({
  client,
  lease: { namespace: 'default', name },
  identity: `process-${process.pid}`,
  logger: silent,
  ...(JSON.parse(times) as object),
  onStarted: async signal => {
    say('leads');
    // Work that happens as often as it can, each time after asking whether this process still leads.
    const timer = setInterval(() => {
      if (elector.isLeader) say('worked as leader');
    }, 5);
    if (!signal.aborted) await once(signal, 'abort');
    clearInterval(timer);
    say('lost');
  },
});
await elector.start(controller.signal);
await client.close();
