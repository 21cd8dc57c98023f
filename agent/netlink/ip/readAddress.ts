import { IFA_F } from '../constants.ts';
import { scopeName } from '../names.ts';
import { formatAddress, parseAddress } from '../text.ts';
import type { AddressInfo } from '../types.ts';
import type { IpAddressesJson } from './json.ts';

/** IFA_F_* (if_addr.h) as `ip` names them. It shows PERMANENT by its contrary, dynamic. */
const flagBits: Readonly<Record<string, number>> = {
  secondary: 0x01,
  temporary: 0x01,
  nodad: IFA_F.NODAD,
  optimistic: 0x04,
  dadfailed: IFA_F.DADFAILED,
  home: 0x10,
  deprecated: IFA_F.DEPRECATED,
  tentative: IFA_F.TENTATIVE,
  mngtmpaddr: 0x100,
  noprefixroute: IFA_F.NOPREFIXROUTE,
  autojoin: 0x400,
  'stable-privacy': 0x800,
};

/** Reads one link's addresses of `ip -N -j -d address show`. */
export function readAddresses({ ifindex, addr_info: infos = [] }: IpAddressesJson): AddressInfo[] {
  if (ifindex === undefined) return [];
  return infos
    .filter(({ family }) => family === 'inet' || family === 'inet6')
    .map(info => {
      const family = info.family === 'inet' ? 4 : 6;
      const named = Object.keys(info).reduce((bits, name) => bits | (flagBits[name] ?? 0), 0);
      const flags = 'dynamic' in info ? named : named | IFA_F.PERMANENT;
      const { address: peer, prefixlen } = info;
      const localLength = peer === undefined ? prefixlen : family === 4 ? 32 : 128;
      return {
        family,
        dev: ifindex,
        address: `${canonical(info.local)}/${localLength}`,
        scope: scopeName(Number(info.scope)),
        flags,
        permanent: (flags & IFA_F.PERMANENT) !== 0,
        dadFailed: (flags & IFA_F.DADFAILED) !== 0,
      };
    });
}

/** The one way in which this layer writes an address: the C library writes some IPv6 addresses with dots. */
export function canonical(address: string): string {
  return formatAddress(parseAddress(address).bytes);
}
