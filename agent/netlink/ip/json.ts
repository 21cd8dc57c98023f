/** What `ip -N -j -d … show` prints, as far as this layer reads it. With -N what has a name in some file is a number, as text. */

export interface IpLinkJson {
  readonly ifindex: number;
  readonly ifname: string;
  readonly altnames?: readonly string[];
  readonly ifalias?: string;
  readonly link_type: string;
  readonly address?: string;
  readonly permaddr?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly master?: string;
  /** The parent's or peer's name where it is in the same namespace; null where there is none. */
  readonly link?: string | null;
  readonly link_index?: number;
  readonly link_netnsid?: number;
  readonly parentdev?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_kind?: string;
    readonly info_data?: Readonly<Record<string, unknown>>;
  };
}

export interface IpAddressesJson {
  readonly ifindex?: number;
  readonly addr_info?: readonly (Readonly<Record<string, unknown>> & IpAddressJson)[];
}

interface IpAddressJson {
  readonly family: string;
  readonly local: string;
  readonly address?: string;
  readonly prefixlen: number;
  readonly scope: string;
}

export interface IpHopJson {
  readonly gateway?: string;
  readonly via?: { readonly host: string };
  readonly dev?: string;
  readonly flags?: readonly string[];
  readonly weight?: number;
}

export interface IpRouteJson extends IpHopJson {
  readonly dst: string;
  readonly type: string;
  readonly table?: string;
  readonly protocol?: string;
  readonly scope?: string;
  readonly metric?: number;
  readonly prefsrc?: string;
  readonly metrics?: readonly { readonly mtu?: number; readonly advmss?: number }[];
  readonly nexthops?: readonly IpHopJson[];
}

export interface IpRuleJson {
  readonly priority: number;
  readonly src?: string;
  readonly srclen?: number;
  readonly table?: string;
  readonly protocol?: string;
}
