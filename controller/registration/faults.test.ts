import { expect } from 'chai';
import { webhookConfigurations } from '../../test/system/webhookConfigurations.ts';
import { type RegisteredWebhook, registrationFaults } from './faults.ts';

const faultsAfter = (edit: (webhook: RegisteredWebhook) => RegisteredWebhook | undefined): string[] =>
  webhookConfigurations({ port: 1, caCertificate: '' }).flatMap(({ kind = '', webhooks = [] }) =>
    registrationFaults(
      kind,
      (webhooks as RegisteredWebhook[]).flatMap(webhook => edit(webhook) ?? []),
    ),
  );

describe('What keeps the API server from asking the webhooks', () => {
  it('is nothing in what is installed, nor in what platforms and owners tune', () => {
    expect(faultsAfter(webhook => webhook)).to.deep.equal([]);
    const tuned = faultsAfter(({ namespaceSelector: { matchLabels, matchExpressions = [] } = {}, ...webhook }) => ({
      ...webhook,
      timeoutSeconds: 30,
      matchConditions: [{ name: 'not-mine', expression: 'true' }],
      namespaceSelector: {
        matchLabels: { ...matchLabels, stage: 'production' },
        matchExpressions: [
          ...matchExpressions,
          { key: 'control-plane', operator: 'NotIn', values: ['true'] },
          { key: 'kubernetes.azure.com/managedby', operator: 'DoesNotExist' },
          { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['other'] },
        ],
      },
      rules: webhook.rules?.map(rule => ({ ...rule, operations: ['*'], scope: '*' })),
    }));
    expect(tuned).to.deep.equal([]);
    expect(faultsAfter(webhook => (/-first|-second/.test(webhook.name) ? undefined : webhook))).to.deep.equal([]);
    for (const failurePolicy of ['Fail', undefined])
      expect(faultsAfter(webhook => ({ ...webhook, failurePolicy }))).to.deep.equal([]);
  });

  it('is what they were registered for and are no longer', () => {
    expect(faultsAfter(webhook => ({ ...webhook, failurePolicy: 'Ignore' }))).to.deep.equal([
      'pods.multinic.fms.io has the failurePolicy Ignore',
      'networks.multinic.fms.io has the failurePolicy Ignore',
    ]);
    expect(faultsAfter(() => undefined)).to.have.length(7);
    const ofRules = (edit: object): string[] =>
      faultsAfter(webhook => ({ ...webhook, rules: webhook.rules?.map(rule => ({ ...rule, ...edit })) }));
    expect(ofRules({ operations: ['UPDATE'] })).to.include.members([
      'the rules of pods.multinic.fms.io lack CREATE of pods',
      'the rules of networks.multinic.fms.io lack CREATE and DELETE of multinicnetworks',
    ]);
    expect(ofRules({ resources: ['*'] })).to.deep.equal([
      'the rules of bindings.multinic.fms.io lack CREATE of pods/binding',
    ]);
    expect(ofRules({ resources: ['pods/*'] })).to.have.length(2);
    for (const edit of [{ resources: ['*/*'], apiGroups: ['*'] }, { apiVersions: ['*'] }])
      expect(ofRules(edit)).to.deep.equal([]);
    expect(ofRules({ apiGroups: ['apps'] })).to.have.length(7);
    expect(faultsAfter(webhook => ({ ...webhook, rules: undefined }))).to.have.length(7);
    for (const operator of ['NotIn', 'DoesNotExist']) {
      const matchExpressions = [{ key: 'multinic.fms.io/injection', operator, values: ['enabled'] }];
      expect(faultsAfter(webhook => ({ ...webhook, namespaceSelector: { matchExpressions } }))).to.have.length(5);
    }
    const matchLabels = { 'multinic.fms.io/injection': 'true' };
    expect(faultsAfter(webhook => ({ ...webhook, namespaceSelector: { matchLabels } }))).to.include(
      'pods.multinic.fms.io is not asked in namespaces with multinic.fms.io/injection: enabled',
    );
  });
});
