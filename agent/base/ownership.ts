/** The protocol number (rtnetlink.h, RTPROT_*) that tells this agent's routes and rules from everybody else's. */
export const ownProtocol = 77;

/** Prefix of the names of ptp links' host ends, which tells them from the host's NICs. */
export const hostEndPrefix = 'mnp';
