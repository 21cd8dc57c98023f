/** How routes and rules of this agent are told from everybody else's: by the protocol number that they carry (rtnetlink.h, RTPROT_*). */
export const ownProtocol = 77;

/** Prefix of the names of ptp links' host ends: by it they are told from the host's NICs. */
export const hostEndPrefix = 'mnp';
