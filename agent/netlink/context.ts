import type { LinkRef, NetnsPath } from './types.ts';

/** What turning an operation into a message has to ask the kernel first. */
export interface Context {
  /** Index of a link of the batch's namespace. */
  linkIndex(link: LinkRef): number;
  /** An open file descriptor of a network namespace; the context closes it. */
  namespaceFd(path: NetnsPath): number;
}
