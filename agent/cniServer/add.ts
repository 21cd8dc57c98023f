import { gatewayFamilies } from '../../core/annotation/defaultRoutes.ts';
import {
  interfaceNames,
  macOf,
  type NetworkSelection,
  parseNetworks,
  readNetworks,
  runtimeConfigOf,
} from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import type { CniCall } from '../../core/cni/call.ts';
import { askedFor, type CniConfig, prevResultOf } from '../../core/cni/config.ts';
import { cniCodes, type CniError, cniError } from '../../core/cni/error.ts';
import { type CniResult, encodePrevResult, encodeResult } from '../../core/cni/result.ts';
import { readMac } from '../../core/net/mac.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { namespaceIdentity } from '../attach/namespaceIdentity.ts';
import type { Budget, Wanted } from '../decision/wanted.ts';
import { ownNamespace, sameNamespace } from '../netlink/namespace.ts';
import { attachmentStatus, primaryStatus } from '../status/networkStatus.ts';
import type { CniContext } from './context.ts';
import { handedOn } from './handedOn.ts';
import { ready } from './ready.ts';

/**
 * ADD (CNI 1.1, section 2). Through Multus a call is for one network, and its interfaces follow those of the plugins before it, if any. Chained,
 * it is for all of the pod's networks, and its result is that of the plugins before, unchanged; a container that is not a pod's, started by hand
 * on a node, gets nothing else.
 * @returns what is printed
 */
export async function add(context: CniContext, call: CniCall, config: CniConfig, budget: Budget): Promise<string> {
  checkNamespace(call);
  if (config.chained && namesNoPod(call)) return encodePrevResult(resultBefore(config), config.cniVersion);
  await ready(context, budget.signal);
  const { uid, ...ref } = namedPod(call);
  return context.adds.run(ref, uid, budget.signal, pod => addTo(context, { call, config, pod }, budget));
}

interface PodCall {
  readonly call: CniCall;
  readonly config: CniConfig;
  readonly pod: Pod;
}

async function addTo(context: CniContext, { call, config, pod }: PodCall, budget: Budget): Promise<string> {
  if (config.chained) return addChained(context, { call, config, pod }, budget);
  const prevResult = prevResultOf(config);
  const asked = askedFor(config);
  const wanted: Wanted = {
    ...partsOfCall(call, config, pod),
    ifname: call.ifname,
    network: config.name,
    ...asked,
    mac: asked.mac ?? argsMac(call),
    defaultRoute: [], // Multus makes it
    defaultFamilies: gatewayFamilies(readNetworks(pod.metadata.annotations?.[annotation.networks] ?? '') ?? []),
  };
  return encodeResult(await addOne(context, wanted, budget), config.cniVersion, prevResult);
}

async function addChained(context: CniContext, { call, config, pod }: PodCall, budget: Budget): Promise<string> {
  const prevResult = resultBefore(config);
  for (const entry of context.checkpoint.ofCall(call.containerId, call.ifname)) {
    await context.attacher.refuseFinished(entry);
  }
  const status = [primaryStatus(config.name, call.ifname, prevResult)];
  const made = new Set<string>();
  try {
    for (const wanted of chainedWanted(context, { call, config, pod })) {
      const result = await addOne(context, wanted, budget);
      made.add(wanted.ifname);
      status.push(...attachmentStatus(pod.metadata.namespace ?? '', wanted, result));
    }
  } catch (error) {
    await removeMade(context, call, made);
    throw error;
  }
  if (status.length > 1) {
    const { namespace = '', name, uid = '' } = pod.metadata;
    context.publish({ namespace, name, uid }, status);
    context.onStep('status.waiting');
  }
  return encodePrevResult(prevResult, config.cniVersion);
}

function resultBefore(config: CniConfig): Record<string, unknown> {
  const prevResult = prevResultOf(config);
  if (prevResult) return prevResult;
  throw cniError(
    cniCodes.invalidConfig,
    'MNN_CNI_CONFIG',
    'The network configuration has neither plugin (a network of its own) nor prevResult (the last of a list)',
  );
}

/** The pod's attachments to our networks; what else it selects needs Multus. */
function chainedWanted({ view, logger }: CniContext, { call, config, pod }: PodCall): Wanted[] {
  const elements = parseNetworks(pod.metadata.annotations?.[annotation.networks] ?? '');
  const ifnames = interfaceNames(elements);
  const defaultFamilies = gatewayFamilies(elements.filter(({ name }) => view.exists(name)));
  return elements.flatMap((element, i): Wanted[] => {
    const { name: network } = element;
    if (!view.exists(network)) {
      logger.warn({ pod: pod.metadata.name, network }, 'not a MultiNicNetwork: needs Multus, not attached');
      return [];
    }
    const asked = { ...askedBy(element, i), defaultFamilies };
    return [{ ...partsOfCall(call, config, pod), ifname: ifnames[i] ?? '', network, ...asked }];
  });
}

function askedBy(
  element: NetworkSelection,
  i: number,
): Pick<Wanted, 'cniArgs' | 'ips' | 'mac' | 'deviceID' | 'runtimeConfig' | 'defaultRoute'> {
  const { 'cni-args': cniArgs, ips = [], deviceID } = element;
  return {
    cniArgs: cniArgs ?? undefined,
    ips,
    mac: macOf(element, i),
    deviceID: typeof deviceID === 'string' ? deviceID : undefined,
    runtimeConfig: runtimeConfigOf(element),
    defaultRoute: element['default-route'] ?? [],
  };
}

/** The hardware address asked for in CNI_ARGS; runtimeConfig takes precedence. */
function argsMac({ args: { MAC: mac = '' } }: CniCall): string | undefined {
  const asked = readMac(mac);
  if (mac === '' || asked !== undefined) return asked;
  throw cniError(
    cniCodes.invalidEnvironment,
    'MNN_CNI_ENVIRONMENT',
    `CNI_ARGS has MAC=${mac}, which is not a hardware address of six bytes that a NIC can have`,
  );
}

/** What every attachment of a call has in common. */
function partsOfCall(
  call: CniCall,
  { name, chained }: CniConfig,
  pod: Pod,
): Pick<Wanted, 'containerId' | 'callIfname' | 'configName' | 'netns' | 'pod' | 'call'> {
  const { containerId, ifname, netns } = call;
  return { containerId, callIfname: ifname, configName: name, netns, pod, call: handedOn(call, chained) };
}

async function addOne({ decider, attacher, onStep }: CniContext, wanted: Wanted, budget: Budget): Promise<CniResult> {
  const attachment = await decider.decide(wanted, budget);
  onStep('add.decided');
  return attacher.attach(attachment, budget.signal);
}

/** Removes what this call made before it failed; what cannot be removed is left to DEL. The failed attachment has already undone itself as far as possible. */
async function removeMade(
  { checkpoint, attacher, logger }: CniContext,
  { containerId, ifname }: CniCall,
  made: ReadonlySet<string>,
): Promise<void> {
  for (const entry of checkpoint.ofCall(containerId, ifname)) {
    if (!made.has(entry.ifname)) continue;
    try {
      await attacher.detach(entry);
    } catch (error) {
      logger.error({ err: error, container: containerId, ifname: entry.ifname }, 'rolling back failed');
    }
  }
}

function checkNamespace({ netns, allowHostNetns }: CniCall): void {
  const refused = (what: string): CniError =>
    cniError(cniCodes.invalidNetns, 'MNN_CNI_NETNS', `CNI_NETNS ${netns} ${what}`);
  if (namespaceIdentity(netns) === undefined) throw refused('is not a network namespace');
  if (!allowHostNetns && sameNamespace(netns, ownNamespace)) throw refused("is the host's own");
}

/** Podman tells plugins the name of a container as that of a pod; but pods have a namespace, too. */
function namesNoPod({ args }: CniCall): boolean {
  return !args.K8S_POD_NAMESPACE;
}

function namedPod({ args }: CniCall): { namespace: string; name: string; uid: string | undefined } {
  const { K8S_POD_NAMESPACE: namespace = '', K8S_POD_NAME: name = '', K8S_POD_UID: uid = '' } = args;
  if (namespace !== '' && name !== '') return { namespace, name, uid: uid === '' ? undefined : uid };
  throw cniError(cniCodes.invalidEnvironment, 'MNN_POD_UNKNOWN', 'CNI_ARGS names no pod');
}
