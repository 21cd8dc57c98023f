import type { AllocatedNic } from '../api/types.ts';
import { type Block, blocksOf, refusedIn } from '../layout/hostBlocks.ts';
import { contains } from '../net/cidr.ts';
import { bareAddress, tryAddressOf } from '../net/interfaceAddress.ts';
import { pageNumber } from '../pool/pages.ts';
import type { AuditedNetwork, AuditedPool, AuditFinding } from './types.ts';
import { addressesOf, type AuditView, isStaying, podName, poolName } from './view.ts';

/** Pools of networks and nodes that do not exist, records outside of their pool's blocks, and interfaces that no record explains. */
export function findForeign(view: AuditView): AuditFinding[] {
  return [...foreignPools(view), ...outsideBlocks(view), ...unexplained(view)];
}

function foreignPools({ live, networks, nodes }: AuditView): AuditFinding[] {
  return [...new Set(live.map(({ pool }) => pool))].flatMap((pool): AuditFinding[] => {
    const { network, hostName } = pool.spec;
    const hasNode = hostName === undefined || nodes.has(hostName);
    if (networks.has(network) && hasNode) return [];
    const lost = networks.has(network) ? `node ${hostName ?? ''}` : `network ${network}`;
    const message = `records of ${lost}, which does not exist; the controller should have deleted the pool: see its log`;
    return [{ kind: 'foreign', network, objects: [poolName(pool)], message }];
  });
}

function outsideBlocks({ live, networks, nodes }: AuditView): AuditFinding[] {
  const placeOf = makePlaceOf();
  return live.flatMap(({ record, pool }): AuditFinding[] => {
    const known = networks.get(pool.spec.network);
    const { hostName } = pool.spec;
    if (!known || (hostName !== undefined && !nodes.has(hostName))) return [];
    const places = Map.groupBy(
      record.nics.flatMap(nic => nic.addresses.map(text => ({ text, place: placeOf(known, pool, nic, text) }))),
      ({ place }) => place,
    );
    return (['outside', 'excluded'] as const).flatMap((place): AuditFinding[] => {
      const addresses = places.get(place)?.map(({ text }) => bareAddress(text));
      if (!addresses) return [];
      const message = `${addresses.join(', ')}: ${wrongPlaces[place]}; delete and re-create the pod`;
      return [{ kind: 'foreign', network: pool.spec.network, objects: [podName(record), poolName(pool)], message }];
    });
  });
}

type Place = 'inside' | keyof typeof wrongPlaces;

const wrongPlaces = {
  outside: 'outside of what the network has there',
  excluded: 'in excludeCIDRs, which were added while the pod got it',
};

/** Tells where an address lies. The blocks of a NIC are computed once, as thousands of addresses are looked up. */
function makePlaceOf(): (known: AuditedNetwork, pool: AuditedPool, nic: AllocatedNic, text: string) => Place {
  const known = new Map<string, Block[]>();
  return (audited, { spec }, { netAddress }, text) => {
    const { network, hostIndexes } = audited;
    const hostIndex = network.nodeIndependent ? 0 : hostIndexes.get(spec.hostName ?? '');
    const address = tryAddressOf(text);
    if (!network.ownAddresses || hostIndex === undefined || !address) return 'outside';
    const key = `${network.name} ${hostIndex} ${netAddress}`;
    const blocks = known.get(key) ?? blocksAt(audited, hostIndex, netAddress);
    known.set(key, blocks);
    const block = blocks.find(
      ({ pod }) => contains(pod, address) && (spec.page === undefined || pageNumber(pod, address.value) === spec.page),
    );
    if (!block) return 'outside';
    return refusedIn(block).some(exclude => contains(exclude, address)) ? 'excluded' : 'inside';
  };
}

function blocksAt({ network, interfaces }: AuditedNetwork, hostIndex: number, netAddress: string): Block[] {
  const positions =
    network.subnets.length === 0 ? [{ netAddress, ordinal: 0 }] : interfaces.filter(i => i.netAddress === netAddress);
  return positions.flatMap(position => blocksOf(network, interfaces, position, hostIndex));
}

function unexplained({ pods, networks, byPod }: AuditView): AuditFinding[] {
  return pods.filter(isStaying).flatMap(pod => {
    const held = new Set((byPod.get(pod) ?? []).flatMap(({ record }) => addressesOf(record.nics)));
    // What admission decided and no record holds is reported as missing.
    const decided = new Set(pod.attachments.flatMap(({ nics }) => addressesOf(nics)));
    return pod.interfaces.flatMap((link): AuditFinding[] => {
      if (!networks.get(link.network)?.network.ownAddresses) return [];
      const strange = link.addresses.map(bareAddress).filter(address => !held.has(address) && !decided.has(address));
      if (strange.length === 0) return [];
      return [
        {
          kind: 'foreign',
          network: link.network,
          objects: [podName(pod), ...(pod.node === undefined ? [] : [`node ${pod.node}`])],
          message: `${link.interface} has ${strange.join(', ')}, which no record explains; delete and re-create the pod`,
        },
      ];
    });
  });
}
