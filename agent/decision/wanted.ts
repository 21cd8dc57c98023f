import type { Family } from '../../core/net/address.ts';
import { type NicRequest, readNicRequest, requestNamed } from '../../core/selection/request.ts';
import type { Pod } from '../../kube/api/resources.ts';

/** How long the node's copies may lag behind those of whoever admitted the pod, ms: after a refusal, the runtime creates the sandbox again. */
export const lagMs = 5000;

/** What a call asks for: one network for one interface of one pod. */
export interface Wanted {
  readonly containerId: string;
  readonly ifname: string;
  readonly callIfname: string;
  readonly configName: string;
  readonly netns: string;
  readonly network: string;
  readonly pod: Pod;
  /** CNI_ARGS and CNI_PATH of the call. */
  readonly call: { readonly args: string; readonly path: string };
  readonly cniArgs: Record<string, unknown> | undefined;
  readonly ips: readonly string[];
  readonly mac: string | undefined;
  readonly deviceID: string | undefined;
  /** Gateways of the selection's `default-route`, if the agent has to make that route. */
  readonly defaultRoute: readonly string[];
  /** Families whose default route the pod's selection gives to an attachment, this one or another. */
  readonly defaultFamilies: readonly Family[];
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
}

/** The time within which a decision must be made. */
export interface Budget {
  /** When the call came, RFC 3339. */
  readonly since: string;
  readonly signal: AbortSignal;
  readonly remainingMs: () => number;
}

/** Which NICs the selection of the network asks for. */
export function requestOf({ network, ifname, cniArgs, pod }: Wanted): NicRequest {
  return requestNamed(ifname, readNicRequest(cniArgs, `the selection of ${network}`, pod.metadata.annotations));
}
