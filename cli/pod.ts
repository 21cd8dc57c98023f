import { diagnose, type Diagnosis } from '../core/diagnosis/diagnose.ts';
import { KubeClient } from '../kube/api/client.ts';
import { contextNamespace } from '../kube/api/kubeconfig.ts';
import { readFacts } from '../kube/diagnosis/readFacts.ts';
import type { PodFlags } from './flags.ts';
import { printable } from './printable.ts';

/**
 * Tells why a pod has, lacks or waits for its NICs.
 * @returns the report, and whether the pod has all of them
 * @throws where that cannot be told: no connection, no permission, no such pod
 */
export async function runPod({
  namespace,
  name,
  output,
  connection,
}: PodFlags): Promise<{ report: string; isClean: boolean }> {
  await using client = await KubeClient.connect({ userAgent: 'kubectl-multinic', ...connection });
  const of = namespace ?? (await contextNamespace(connection));
  const diagnosis = diagnose(await readFacts(client, { namespace: of, name }));
  const report = output === 'json' ? `${JSON.stringify(diagnosis, undefined, 2)}\n` : textReport(diagnosis);
  return { report, isClean: diagnosis.isComplete };
}

/** What is known, by what it is about, with ! before what may be the cause; at the end the verdict. */
function textReport({ lines, verdict }: Diagnosis): string {
  const parts = [...Map.groupBy(lines, ({ about }) => about)].flatMap(([about, all]) => [
    about,
    ...all.flatMap(({ kind, text, fix }) => [
      `${kind === 'fact' ? '   ' : ' ! '}${text}`,
      ...(fix === undefined ? [] : [`   > ${fix}`]),
    ]),
  ]);
  return [...parts, '', verdict, ''].map(printable).join('\n');
}
