import type { AttachStrategy, DeviceClass } from '../api/types.ts';
import { defined } from '../defined.ts';
import type { Network } from '../network/network.ts';
import { parseBandwidth } from './bandwidth.ts';
import type { NicRequest } from './request.ts';
import { isStrategy, looksAtBandwidth } from './select.ts';
import type { DevicePlacement, Wish } from './types.ts';

/**
 * The network's strategy. Empty is none: multi-nic-cni wrote that into every network that had no attachPolicy. So is what does not exist, as it
 * was there: API servers from 1.30 on keep what was stored before the schema.
 */
export function strategyOf({ spec }: Pick<Network, 'spec'>): AttachStrategy {
  const strategy = spec.attachPolicy?.strategy ?? '';
  return isStrategy(strategy) ? strategy : 'none';
}

/**
 * Whether what pods are promised of the network's NICs is kept. It is kept in the pool of a node: addresses that do not depend on the node
 * have none, and NICs that a device plugin hands out are not chosen here.
 */
export function keepsPromises(network: Pick<Network, 'spec' | 'nodeIndependent' | 'handedOut'>): boolean {
  return looksAtBandwidth(strategyOf(network)) && !network.nodeIndependent && !network.handedOut;
}

/** The bandwidth that an attachment is to be promised, Mbit/s: the pod's target before the network's; undefined where none is kept. */
export function targetOf(
  network: Pick<Network, 'spec' | 'nodeIndependent' | 'handedOut'>,
  request: NicRequest,
): number | undefined {
  if (!keepsPromises(network)) return undefined;
  const mbps = parseBandwidth(request.target ?? network.spec.attachPolicy?.target ?? '');
  return mbps === 0 ? undefined : mbps;
}

/**
 * What an attachment asks for: the pod's `cni-args`, and where they do not say, the network's attachPolicy. What the strategy does not look
 * at is left out.
 * @param deviceClass the object that the pod's `class` names
 * @param placement where the pod's devices are
 */
export function wishOf(
  network: Network,
  request: NicRequest,
  deviceClass?: DeviceClass,
  placement?: DevicePlacement,
): Wish {
  const { nics, masters, bestEffort } = request;
  const known = strategyOf(network) === 'devClass' ? deviceClass : undefined;
  return defined({
    count: nics,
    masters,
    targetMbps: targetOf(network, request),
    bestEffort,
    placement,
    deviceClass: known && { ...known.spec, name: known.metadata.name },
  });
}

/** Name of the DeviceClass that choosing needs; undefined where it needs none. */
export function classOf(network: Pick<Network, 'spec'>, request: NicRequest): string | undefined {
  return strategyOf(network) === 'devClass' ? request.class : undefined;
}
