import { compareCidrs, covers, formatCidr, overlap, parseCidr } from '../net/cidr.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { givesAddresses } from '../network/ipam.ts';
import { type Draft, type DraftCidr, hasHostBits } from './draft.ts';

const noAddresses = 'spec.ipam names no IPAM plugin, so pods get no addresses';

/** spec.subnet: networks, at most one a family. */
export function validateSubnet({ subnets, ownAddresses, ipam, masterNets, l3 }: Draft): Finding[] {
  const findings = subnets.flatMap(checkNetwork);
  for (const family of [4, 6] as const) {
    const ofFamily = subnets.filter(({ cidr }) => cidr?.family === family);
    if (ofFamily.length < 2) continue;
    const texts = ofFamily.map(({ text }) => text).join(' and ');
    findings.push(error('MNN_SUBNET_INVALID', 'spec.subnet', `has ${ofFamily.length} IPv${family} networks, ${texts}`));
  }
  if (ipam && !ownAddresses && subnets.length > 0) {
    const why = givesAddresses(ipam) ? `the IPAM plugin ${ipam.type} gives the addresses` : noAddresses;
    findings.push(warning('MNN_IPAM_FLAG', 'spec.subnet', `has no effect: ${why}`));
  }
  if (ownAddresses) findings.push(...subnets.flatMap(checkUsable), ...checkMasterOverlap(subnets, masterNets, l3));
  return findings;
}

/** RFC 6890 and 4291: what the kernel gives no interface, or delivers to nobody else. */
const unusable = [
  { what: 'multicast', nets: ['224.0.0.0/4', 'ff00::/8'] },
  { what: 'loopback', nets: ['127.0.0.0/8', '::1/128'] },
  { what: 'link-local', nets: ['fe80::/10'] },
  { what: 'IPv4-mapped', nets: ['::ffff:0:0/96'] },
].flatMap(({ what, nets }) => nets.map(net => ({ what, net: parseCidr(net) })));

function checkUsable({ path, text, cidr }: DraftCidr): Finding[] {
  const found = cidr && unusable.find(({ net }) => overlap(net, cidr));
  if (!found) return [];
  const detail = `${text} has addresses of ${formatCidr(found.net)}, ${found.what}, which no pod can use`;
  return [error('MNN_SUBNET_INVALID', path, detail)];
}

/** Routed pod subnets must be apart from the host subnets; in L2 a part of a host subnet may be set aside for pods. */
function checkMasterOverlap(subnets: readonly DraftCidr[], masterNets: readonly DraftCidr[], l3: boolean): Finding[] {
  return subnets.flatMap(({ path, text, cidr }) =>
    masterNets.flatMap(master => {
      if (!cidr || !master.cidr || !overlap(cidr, master.cidr)) return [];
      const detail = `${text} overlaps the host subnet ${master.text} of ${master.path}`;
      return [l3 ? error('MNN_OVERLAP', path, detail) : warning('MNN_OVERLAP', path, detail)];
    }),
  );
}

/** spec.masterNets: networks, each once. */
export function validateMasterNets({ masterNets }: Draft): Finding[] {
  const findings = masterNets.flatMap(checkNetwork);
  for (const [i, later] of masterNets.entries()) {
    for (const earlier of masterNets.slice(0, i)) {
      const finding = compareMasters(earlier, later);
      if (finding) findings.push(finding);
    }
  }
  return findings;
}

function compareMasters(earlier: DraftCidr, later: DraftCidr): Finding | undefined {
  const [a, b] = [earlier.cidr, later.cidr];
  if (!a || !b || !overlap(a, b)) return undefined;
  if (compareCidrs(a, b) === 0) {
    return error('MNN_MASTER_NETS', later.path, `${later.text} is the same as ${earlier.path}`);
  }
  const which = covers(a, b) ? 'lies in' : 'contains';
  const detail = `${later.text} ${which} ${earlier.path} (${earlier.text}): a NIC in both belongs to ${earlier.path}`;
  return warning('MNN_MASTER_NETS', later.path, detail);
}

function checkNetwork(draft: DraftCidr): Finding[] {
  const { path, text, cidr } = draft;
  if (!cidr) {
    const isName = path.startsWith('spec.masterNets') && /^[^\s./:]+$/.test(text);
    const hint = isName
      ? ': masterNets has the subnets of NICs and not their names, see kubectl get hostinterfaces'
      : '';
    return [error('MNN_CIDR_INVALID', path, `"${text}" is not a network${hint}`)];
  }
  if (!hasHostBits(draft)) return [];
  return [warning('MNN_SUBNET_HOST_BITS', path, `${text} has bits set after its prefix; ${formatCidr(cidr)} is used`)];
}
