import type { V1LabelSelector, V1RuleWithOperations } from '@kubernetes/client-node';
import { label } from '../../core/api/names.ts';

/** What matters here of a webhook in a configuration, of either kind. */
export interface RegisteredWebhook {
  name: string;
  failurePolicy?: string | undefined;
  namespaceSelector?: V1LabelSelector | undefined;
  rules?: V1RuleWithOperations[] | undefined;
}

interface Need {
  readonly group: string;
  readonly resource: string;
  readonly operations: readonly string[];
  /** Without it, and nobody to say so, what is asked for is done as if there were no webhook. */
  readonly mustRefuse?: boolean;
}

const pods = { group: '', resource: 'pods' };
const networks = { group: 'multinic.fms.io', resource: 'multinicnetworks' };

/** What each webhook is to be asked, as in manifests/base/webhook/configurations.yaml. The first two chances of a creation may be missing. */
const needs: Readonly<Record<string, Readonly<Record<string, Need>>>> = {
  MutatingWebhookConfiguration: {
    'pods.multinic.fms.io': { ...pods, operations: ['CREATE'], mustRefuse: true },
    'bindings.multinic.fms.io': { group: '', resource: 'pods/binding', operations: ['CREATE'] },
    'pod-updates.multinic.fms.io': { ...pods, operations: ['UPDATE'] },
  },
  ValidatingWebhookConfiguration: {
    'pod-creation.multinic.fms.io': { ...pods, operations: ['CREATE'] },
    'pod-changes.multinic.fms.io': { ...pods, operations: ['UPDATE'] },
    'networks.multinic.fms.io': { ...networks, operations: ['CREATE', 'UPDATE', 'DELETE'], mustRefuse: true },
    'pools.multinic.fms.io': { group: networks.group, resource: 'ippools', operations: ['DELETE'] },
  },
};

/** A namespace that nothing but our label distinguishes. */
const labels: ReadonlyMap<string, string> = new Map([
  [label.injection, 'enabled'],
  ['kubernetes.io/metadata.name', 'any'],
]);

/**
 * What of a configuration keeps the API server from asking our webhooks, or from waiting for their answer; in words. Time-outs, conditions, selectors of
 * objects and whatever a platform or its owner adds to the selectors of namespaces are not our business.
 */
export function registrationFaults(kind: string, webhooks: readonly RegisteredWebhook[]): string[] {
  return Object.entries(needs[kind] ?? {}).flatMap(([name, need]) => {
    const webhook = webhooks.find(other => other.name === name);
    if (!webhook) return [`it lacks the webhook ${name}`];
    const { rules = [], failurePolicy = 'Fail', namespaceSelector = {} } = webhook;
    const unasked = need.operations.filter(operation => !rules.some(rule => covers(rule, need, operation)));
    return [
      ...(unasked.length > 0 ? [`the rules of ${name} lack ${unasked.join(' and ')} of ${need.resource}`] : []),
      ...(need.mustRefuse && failurePolicy !== 'Fail' ? [`${name} has the failurePolicy ${failurePolicy}`] : []),
      // The API server asks of what is in no namespace whatever the selector.
      ...(need.group !== '' || selects(namespaceSelector)
        ? []
        : [`${name} is not asked in namespaces with ${label.injection}: enabled`]),
    ];
  });
}

/** admissionregistration.k8s.io/v1 Rule: `*` is everything, of resources but without their subresources. */
function covers(
  { apiGroups = [], apiVersions = [], operations = [], resources = [] }: V1RuleWithOperations,
  { group, resource }: Need,
  operation: string,
): boolean {
  const [plural = '', subresource] = resource.split('/');
  const wide = subresource === undefined ? ['*', '*/*', `${plural}/*`] : ['*/*', `${plural}/*`, `*/${subresource}`];
  const has = (list: readonly string[], ...words: readonly string[]): boolean =>
    words.some(word => list.includes(word));
  return (
    has(apiGroups, group, '*') &&
    has(apiVersions, 'v1', '*') &&
    has(operations, operation, '*') &&
    has(resources, resource, ...wide)
  );
}

/** By what the selector says of labels that we know. */
function selects({ matchLabels = {}, matchExpressions = [] }: V1LabelSelector): boolean {
  const equal = Object.entries(matchLabels).map(([key, value]) => ({ key, operator: 'In', values: [value] }));
  return [...equal, ...matchExpressions].every(({ key, operator, values = [] }) => {
    const value = labels.get(key);
    if (value === undefined) return true;
    if (operator === 'In' || operator === 'NotIn') return values.includes(value) === (operator === 'In');
    return operator === 'Exists';
  });
}
