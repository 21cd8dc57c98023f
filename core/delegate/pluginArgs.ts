/** Other spellings of arguments that the predecessor's documentation or code has, or the SR-IOV network operator. */
const spellings: ReadonlyMap<string, string> = new Map(
  Object.entries({
    vlanQos: 'vlanQoS',
    minTxRate: 'min_tx_rate',
    maxTxRate: 'max_tx_rate',
    linkState: 'link_state',
  }),
);

const numbers = new Set(['mtu', 'vlan', 'vlanQoS', 'min_tx_rate', 'max_tx_rate']);
const onOff = new Set(['spoofchk', 'trust']);

/** How a virtual function's link goes with that of its NIC (include/uapi/linux/if_link.h, IFLA_VF_LINK_STATE_*). */
export const linkStates = ['auto', 'enable', 'disable'] as const;

/** Arguments that say how VFs are made (SriovNetworkNodePolicy), and nothing to the plugin that is called for a pod. */
const ofNodePolicy = new Set(['priority', 'mtu', 'numVfs', 'isRdma', 'needVhostNet']);

/** Types whose arguments have a known form; those of any other are read as JSON where they are. */
const knownTypes = new Set(['ipvlan', 'macvlan', 'ptp', 'aws-ipvlan', 'sriov', 'host-device', 'mellanox']);

/**
 * `spec.plugin.args`, which are texts, in the form that the plugin's own configuration has them: numbers as numbers, sriov's switches as
 * `on` and `off` however they were written. For a plugin that is not known here, a text that is JSON stands for that value: `"1500"` is a
 * number, `"true"` a boolean, `"[\"a\"]"` a list, and `"\"1500\""` a text after all. The resource is for us and the kubelet, and left out.
 */
export function pluginArgs(type: string, args: Readonly<Record<string, string>> = {}): Record<string, unknown> {
  const entries = Object.entries(args).flatMap(([name, text]): [string, unknown][] => {
    if (name === 'resourceName' || (type === 'sriov' && ofNodePolicy.has(name))) return [];
    if (!knownTypes.has(type)) return [[name, asJson(text)]];
    const key = spellings.get(name) ?? name;
    return [[key, knownValue(key, text)]];
  });
  return Object.fromEntries(entries);
}

function knownValue(key: string, text: string): unknown {
  if (numbers.has(key) && /^\d+$/.test(text)) return Number(text);
  if (onOff.has(key) && (text === 'true' || text === 'false')) return text === 'true' ? 'on' : 'off';
  return text;
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // no JSON: the text itself is meant
  }
}
