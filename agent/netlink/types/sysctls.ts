import type { OpBase } from './common.ts';

/** A value under /proc/sys/net of the batch's namespace; see sysctl.ts for the keys. */
export interface SysctlGet extends OpBase {
  readonly op: 'sysctl.get';
  /** Path under /proc/sys/net, for example 'ipv4/conf/eth0.100/rp_filter'. */
  readonly key: string;
}
export interface SysctlSet extends OpBase {
  readonly op: 'sysctl.set';
  readonly key: string;
  readonly value: string | number;
}
