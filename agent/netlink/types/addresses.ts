import type { Family, LinkRef, OpBase, Scope } from './common.ts';

export interface AddressInfo {
  readonly family: Family;
  /** Index of the link. */
  readonly dev: number;
  /** The link's own address with its prefix length. */
  readonly address: string;
  /** The other end of a point-to-point address with its prefix length. */
  readonly peer: string | null;
  readonly broadcast: string | null;
  readonly label: string | null;
  readonly scope: Scope;
  /** IFA_F_* bits; the ones most asked for follow as booleans. */
  readonly flags: number;
  readonly permanent: boolean;
  readonly noPrefixRoute: boolean;
  /** Duplicate address detection (RFC 4862 §5.4) still runs, or has found a duplicate. */
  readonly tentative: boolean;
  readonly dadFailed: boolean;
}
export interface AddressList extends OpBase {
  readonly op: 'address.list';
  readonly family?: Family;
  readonly dev?: LinkRef;
  /** Where there are more it fails with E2BIG: pods may have as many as they like. Default: any number. */
  readonly most?: number;
}
export interface AddressAdd extends OpBase {
  readonly op: 'address.add';
  readonly dev: LinkRef;
  readonly address: string;
  /** The other end of a point-to-point address, with its prefix length. */
  readonly peer?: string;
  readonly broadcast?: string;
  /** Default 'global', and 'host' for 127.0.0.0/8. */
  readonly scope?: Scope;
  /** IPv6: usable at once, without duplicate address detection. */
  readonly noDad?: boolean;
  /** Do not make the route to the address's network. */
  readonly noPrefixRoute?: boolean;
  /** Where the address exists, change what the kernel lets change (for IPv4 only lifetimes) instead of EEXIST. */
  readonly replace?: boolean;
}
export interface AddressDel extends OpBase {
  readonly op: 'address.del';
  readonly dev: LinkRef;
  readonly address: string;
  readonly peer?: string;
}
