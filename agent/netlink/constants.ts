/**
 * Numbers of the kernel's routing netlink protocol, named as in its headers: linux/netlink.h, rtnetlink.h, if_link.h,
 * if_addr.h, neighbour.h, fib_rules.h, veth.h. Only what this layer sends or reads.
 */

export const AF = { UNSPEC: 0, INET: 2, INET6: 10 } as const;

/** Control message types (netlink.h). */
export const NLMSG = { ERROR: 2, DONE: 3 } as const;

/** Header flags (netlink.h). ROOT|MATCH = DUMP; the values of requests that change overlap those of requests that get. */
export const NLM_F = {
  REQUEST: 0x1,
  ACK: 0x4,
  DUMP_INTR: 0x10,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  /** In an acknowledgement: only the header of the request is echoed. */
  CAPPED: 0x100,
  /** In an acknowledgement: attributes of the extended acknowledgement follow. */
  ACK_TLVS: 0x200,
} as const;

/** Extended acknowledgement attributes (netlink.h). */
export const NLMSGERR_ATTR = { MSG: 1 } as const;

/** Message types (rtnetlink.h). */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
  NEWLINKPROP: 108,
  DELLINKPROP: 109,
} as const;

/** Multicast groups (rtnetlink.h, enum rtnetlink_groups). */
export const RTNLGRP = {
  LINK: 1,
  IPV4_IFADDR: 5,
  IPV4_ROUTE: 7,
  IPV4_RULE: 8,
  IPV6_IFADDR: 9,
  IPV6_ROUTE: 11,
  IPV6_RULE: 19,
} as const;

/** Attribute type bits (netlink.h). */
export const NLA = { NESTED: 0x8000, TYPE_MASK: 0x3fff } as const;

/** Link attributes (if_link.h). */
export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  LINKINFO: 18,
  IFALIAS: 20,
  GROUP: 27,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  LINK_NETNSID: 37,
  PROP_LIST: 52,
  ALT_IFNAME: 53,
  PERM_ADDRESS: 54,
  PARENT_DEV_NAME: 56,
} as const;

export const IFLA_INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4 } as const;
export const IFLA_IPVLAN = { MODE: 1, FLAGS: 2 } as const;
/** No IPVLAN_F_* at all: links on one NIC reach each other. */
export const IPVLAN_BRIDGE = 0;
export const IFLA_MACVLAN = { MODE: 1 } as const;
export const VETH_INFO_PEER = 1;
export const RTEXT_FILTER_SKIP_STATS = 8;

/** Link flags (if.h). */
export const IFF = { UP: 0x1, LOOPBACK: 0x8, LOWER_UP: 0x10000 } as const;

/** Address attributes and flags (if_addr.h). */
export const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;
export const IFA_F = {
  NODAD: 0x02,
  DADFAILED: 0x08,
  DEPRECATED: 0x20,
  TENTATIVE: 0x40,
  PERMANENT: 0x80,
  NOPREFIXROUTE: 0x200,
} as const;

/** Route attributes (rtnetlink.h). */
export const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  TABLE: 15,
  VIA: 18,
} as const;
export const RTAX = { MTU: 2, ADVMSS: 8 } as const;
export const RTNH_F = { DEAD: 1, ONLINK: 4, LINKDOWN: 16 } as const;
export const RTM_F_CLONED = 0x200;

/** Rule attributes (fib_rules.h). */
export const FRA = { SRC: 2, PRIORITY: 6, TABLE: 15, PROTOCOL: 21 } as const;
export const FR_ACT_TO_TBL = 1;

/** Neighbour attributes and states (neighbour.h). */
export const NDA = { DST: 1, LLADDR: 2 } as const;
export const NUD_PERMANENT = 0x80;

/** RT_TABLE_MAIN (linux/rtnetlink.h). */
export const mainTable = 254;
