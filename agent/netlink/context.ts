import type { LinkRef, NetnsPath } from './types.ts';

/** What has to be asked of the kernel before an operation can be turned into a message. */
export interface Context {
  /** Index of a link of the batch's namespace. */
  linkIndex(link: LinkRef): number;
  /** An open file descriptor of a network namespace; the context closes it. */
  namespaceFd(path: NetnsPath): number;
}
