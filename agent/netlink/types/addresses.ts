import type { Family, LinkRef, OpBase, Scope } from './common.ts';

export interface AddressInfo {
  readonly family: Family;
  /** Index of the link. */
  readonly dev: number;
  /** The link's own address with its prefix length. */
  readonly address: string;
  readonly scope: Scope;
  /** IFA_F_* bits; the ones most asked for follow as booleans. */
  readonly flags: number;
  readonly permanent: boolean;
  /** Duplicate address detection (RFC 4862 §5.4) has found a duplicate. */
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
  /** IPv6: usable at once, without duplicate address detection. */
  readonly noDad?: boolean;
}
