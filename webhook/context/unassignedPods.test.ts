import { expect } from 'chai';
import { label } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { ObjectCache } from '../../kube/watch/objectCache.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { silent } from '../../test/kube/support.ts';
import { trimUnassigned, unassignedPod } from './unassignedPods.ts';

describe('pods that wait for a node', () => {
  const ref = { namespace: 'team', name: 'a' };
  const podWith = (text: string): Pod => ({
    metadata: { ...ref, uid: 'u', labels: { [label.injected]: 'true' }, annotations: { text } },
    spec: { containers: [] },
  });
  const bind = async (pod: Pod): Promise<{ found: Pod | undefined; asked: number }> => {
    let asked = 0;
    await using server = await AnsweringServer.start((_, response) => {
      asked++;
      answerJson(response, 200, pod);
    });
    const unassignedPods = new ObjectCache<Pod>({ logger: silent });
    unassignedPods.set(trimUnassigned(pod));
    const budget = { remainingMs: () => 10_000 };
    return {
      found: await unassignedPod({ client: server.client, unassignedPods }, { ...ref, uid: 'u' }, budget),
      asked,
    };
  };

  it('are in memory with all that is looked at when they are bound', async () => {
    const { found, asked } = await bind(podWith('x'.repeat(30_000)));
    expect(found?.metadata).to.deep.equal(podWith('x'.repeat(30_000)).metadata);
    expect(found).not.to.have.property('spec');
    expect(asked).to.equal(0);
  });

  it('are asked for when they are bound where their authors wrote very much', async () => {
    const large = podWith('x'.repeat(33_000));
    expect(trimUnassigned(large)).to.deep.equal({ metadata: { ...ref, uid: 'u' } });
    const { found, asked } = await bind(large);
    expect(found?.metadata.annotations).to.deep.equal(large.metadata.annotations);
    expect(asked).to.equal(1);
  });
});
