import { expect } from 'chai';
import { annotation, extendedResourceName } from '../../core/api/names.ts';
import {
  type MutatingWebhookConfiguration,
  mutatingWebhookConfigurations,
  networkAttachmentDefinitions,
  type Pod,
  pods,
} from '../../kube/api/resources.ts';
import { allow } from '../../webhook/review/decision.ts';
import { pointer } from '../../webhook/review/jsonPatch.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { createNetwork } from './networks.ts';
import { type ReviewServer, startReviewServer } from './reviewServer.ts';
import { attachmentsOf, createNamespace, elementsOf, podOf, recordsOf, refusal, useWebhookCluster } from './support.ts';

/** The API server calls webhooks by the names of their configurations: before ours, and after it. */
const names = { earlier: 'a-mesh', later: 'z-mesh' };
/** The label of pods that it is called for. */
const mesh = 'mesh';

describe('pods that a service mesh gives a plugin of its own, through the real API server', function () {
  this.timeout(60_000);
  const running = useWebhookCluster();
  const namespace = 'meshed';
  let server: ReviewServer;

  before(async () => {
    const { client, webhook } = running();
    await installWebhooks(client, webhook);
    const flat = { hostBlock: 0, vlanMode: 'l2', subnet: '10.244.0.0/16', namespaces: [namespace] };
    await createNetwork(client, 'meshed', flat);
    await createNamespace(client, namespace);
    const plugin = { metadata: { name: 'mesh-cni', namespace }, spec: { config: '{}' } };
    await client.create(networkAttachmentDefinitions, plugin);
    const path = pointer('metadata', 'annotations', annotation.networks);
    server = await startReviewServer({ '/': () => allow({ patch: [{ op: 'add', path, value: 'mesh-cni' }] }) });
    for (const where of Object.values(names)) {
      await client.create(mutatingWebhookConfigurations, configuration(where, server));
      await eventually(`the API server to ask ${where}`, async () => {
        const probe = podOf({
          namespace: 'default',
          name: 'probe',
          labels: { [mesh]: where },
          annotations: { a: 'b' },
        });
        return elementsOf(await client.create(pods, probe, { dryRun: true })).length === 1;
      });
    }
  });

  after(async () => {
    for (const name of Object.values(names)) await running().client.delete(mutatingWebhookConfigurations, { name });
    await server[Symbol.asyncDispose]();
  });

  const create = (name: string, where: string, annotations: Record<string, string>): Promise<Pod> =>
    running().client.create(pods, podOf({ namespace, name, labels: { [mesh]: where }, annotations }));

  for (const [when, where] of Object.entries(names)) {
    it(`have the networks that they name beside it, if it is called ${when}`, async () => {
      const pod = await create(when, where, { [annotation.ourNetworks]: 'meshed' });
      expect(elementsOf(pod).map(({ name }) => name)).to.deep.equal(['mesh-cni', 'meshed']);
      expect(attachmentsOf(pod, 1)).to.have.length(2);
      expect(pod.spec?.containers[0]?.resources?.requests).to.have.property(extendedResourceName('meshed'), '1');
      await eventually('nothing to be held but what it has', async () => {
        const records = (await recordsOf(running().client, 'meshed')).filter(({ name }) => name === when);
        return (
          records.map(({ interface: ifname, podUID }) => `${ifname} ${podUID}`).join() === `net2 ${pod.metadata.uid}`
        );
      });
    });
  }

  it('are refused where it replaces what was decided for them: they would run without it, and count as if they had it', async () => {
    const error = await refusal(create('replaced', names.later, { note: 'none of ours is named here' }));
    expect(error.message)
      .to.contain('MNN_NOT_INJECTED')
      .and.contain(`${annotation.networks} names none of our networks`);
  });
});

function configuration(name: string, { port, caCertificate }: ReviewServer): MutatingWebhookConfiguration {
  return {
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(caCertificate).toString('base64') },
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        objectSelector: { matchLabels: { [mesh]: name } },
      },
    ],
  };
}
