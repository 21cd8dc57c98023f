/** How routes and rules of this agent are told from everybody else's: by the protocol number that they carry (rtnetlink.h, RTPROT_*). */
export const ownProtocol = 77;
