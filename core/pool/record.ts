import type { AllocatedNic, Allocation, AllocationState } from '../api/types.ts';

const states: ReadonlySet<string> = new Set<AllocationState>(['Reserved', 'Allocated', 'Released']);
/** Of a pod's name (DNS-1123 subdomain). */
const longestName = 253;
const nicForm = /^(?<master>.*)@(?<netAddress>[^@=]*)=(?<addresses>.*)$/;

/**
 * A record as an IPPool keeps it, in words with a space between: state, namespace/name, interface, each NIC as
 * `[master]@netAddress=address[,address]`, `since=…`, `uid=…`, `reservation=…`, and where bandwidth was promised `mbps=…` with a number for
 * each NIC. A word that a reader does not know is left out, so older ones read newer records and the other way round.
 *
 * Admission writes it before the API server has checked the pod's name, so a word may be anything: what is not printable ASCII is
 * percent-encoded, or a name with spaces in it could claim what others hold.
 */
export function formatRecord({ state, namespace, name, interface: ifname, nics, since, ...ids }: Allocation): string {
  const words = [
    state,
    `${namespace}/${name.slice(0, longestName)}`,
    ifname,
    ...nics.map(({ master = '', netAddress, addresses }) => `${master}@${netAddress}=${addresses.join(',')}`),
    `since=${since}`,
    ...(ids.podUID === '' ? [] : [`uid=${ids.podUID}`]),
    ...(ids.reservation === undefined ? [] : [`reservation=${ids.reservation}`]),
    ...(nics.some(({ promisedMbps = 0 }) => promisedMbps > 0)
      ? [`mbps=${nics.map(({ promisedMbps = 0 }) => promisedMbps).join(',')}`]
      : []),
  ];
  return words.map(encode).join(' ');
}

/** Reads a record; undefined where the text is not one. */
export function parseRecord(text: string): Allocation | undefined {
  const [state = '', owner = '', ifname = '', ...words] = decoded(text) ?? [];
  const slash = owner.indexOf('/');
  const nics = words.flatMap(word => nicOf(word) ?? []);
  const rest = words.filter(word => !nicForm.test(word)).map(word => word.split(/=(.*)/s, 2));
  const { since, uid = '', reservation, mbps } = Object.fromEntries(rest) as Record<string, string | undefined>;
  if (!isState(state) || slash < 0 || ifname === '' || since === undefined) return undefined;
  const promised = mbps === undefined ? [] : mbps.split(',').map(Number);
  if (mbps !== undefined && (promised.length !== nics.length || !promised.every(isMbps))) return undefined;
  return {
    podUID: uid,
    ...(reservation === undefined ? {} : { reservation }),
    namespace: owner.slice(0, slash),
    name: owner.slice(slash + 1),
    interface: ifname,
    nics: nics.map((nic, i) => ({ ...nic, ...(promised[i] && { promisedMbps: promised[i] }) })),
    state,
    since,
  };
}

/** The state of a record, without reading the rest of it. */
export function stateOf(text: string): AllocationState | undefined {
  const [word = ''] = text.split(' ', 1);
  return isState(word) ? word : undefined;
}

/** Plain text, as in most records, stays as it is; toWellFormed(), as JSON may contain half a surrogate pair. */
function encode(word: string): string {
  return /^[!-$&-~]*$/.test(word) ? word : word.toWellFormed().replace(/[^!-$&-~]/gu, encodeURIComponent);
}

/** The words of a record; undefined where a percent sign encodes nothing. */
function decoded(text: string): string[] | undefined {
  const words = text.split(' ');
  if (!text.includes('%')) return words;
  try {
    return words.map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function isMbps(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isState(word: string): word is AllocationState {
  return states.has(word);
}

function nicOf(word: string): AllocatedNic | undefined {
  const { master = '', netAddress = '', addresses = '' } = nicForm.exec(word)?.groups ?? {};
  if (addresses === '' && !nicForm.test(word)) return undefined;
  return {
    ...(master === '' ? {} : { master }),
    netAddress,
    addresses: addresses === '' ? [] : addresses.split(','),
  };
}
