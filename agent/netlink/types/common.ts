/** A link of the batch's namespace, by name (alternative names count) or by interface index. */
export type LinkRef = string | number;
/** Path of a network namespace, for example /run/netns/x or /proc/123/ns/net. */
export type NetnsPath = string;
export type { Family } from '../../../core/net/address.ts';

/** How far a destination is (rtnetlink.h, RT_SCOPE_*), or its number. */
export type Scope = 'global' | 'site' | 'link' | 'host' | 'nowhere' | number;

/** An errno's name, for example 'EEXIST'. */
export type ErrnoName = `E${string}`;

/** What all operations have in common. */
export interface OpBase {
  /** Failures with these names do not stop the batch; the operation's result then says what happened. */
  readonly ignore?: readonly ErrnoName[];
}
