/** A namespace that is not opted in, as the predecessor's users have. */
export const legacyNamespace = 'legacy';

/** A pod that selects networks, in each way that there is. */
export interface Scenario {
  readonly name: string;
  readonly namespace: string;
  /** k8s.v1.cni.cncf.io/networks, as the user writes it. */
  readonly selection: string;
}

export const scenarios: readonly Scenario[] = [
  { name: 'comma', namespace: legacyNamespace, selection: 'train' },
  { name: 'comma-two', namespace: legacyNamespace, selection: 'train,store@disk' },
  { name: 'comma-elsewhere', namespace: legacyNamespace, selection: 'default/train' },
  { name: 'versions', namespace: legacyNamespace, selection: 'train, store, fast, next' },
  json('cni-args', [{ name: 'train', 'cni-args': { nics: 1, masters: ['eth2'] } }]),
  json('ips-and-mac', [
    { name: 'train', interface: 'data', ips: ['10.222.0.33', '10.222.64.33'] },
    { name: 'next', mac: '02:00:00:00:00:2A', 'cni-args': { nics: '1' } },
  ]),
  json('default-route', [{ name: 'store', 'default-route': ['10.223.0.1'] }, { name: 'fast' }]),
  { name: 'opted-in', namespace: 'default', selection: 'train' },
  {
    ...json('opted-in-json', [
      { name: 'store', 'cni-args': { nics: 1 } },
      { name: 'fast', interface: 'fast' },
    ]),
    namespace: 'default',
  },
];

function json(name: string, elements: readonly object[]): Scenario {
  return { name, namespace: legacyNamespace, selection: JSON.stringify(elements) };
}
