import { isRecord } from '../json.ts';

/** An interface in a pod, as its node's agent found it. */
export interface FoundInterface {
  network: string;
  interface: string;
  /** Those of the network's addresses that it has, without prefix lengths. */
  ips: string[];
}

/** The annotation's text. @param uid the pod's: its manifest may be copied, with all annotations */
export function formatFound(uid: string, interfaces: readonly FoundInterface[]): string {
  return JSON.stringify({ uid, interfaces });
}

/** What an agent has found in the pod of that UID; undefined where it has written nothing, or of another pod. */
export function readFound(text: string | undefined, uid: string): FoundInterface[] | undefined {
  if (text === undefined) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (!isRecord(found) || found.uid !== uid || !Array.isArray(found.interfaces)) return undefined;
  return found.interfaces.filter(isRecord).map(({ network, interface: name, ips }) => ({
    network: typeof network === 'string' ? network : '',
    interface: typeof name === 'string' ? name : '',
    ips: Array.isArray(ips) ? ips.filter(ip => typeof ip === 'string') : [],
  }));
}
