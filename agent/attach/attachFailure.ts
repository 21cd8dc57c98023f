import { type CniCode, cniCodes, type CniError, cniError, toCniError } from '../../core/cni/error.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { PluginHung } from '../delegate/pluginError.ts';
import { type ErrnoName, type Failure, NetlinkEndedError, NetlinkError } from '../netlink/netlink.ts';
import type { Attachment } from './attachment.ts';
import { namespaceIdentity } from './namespaceIdentity.ts';

/** A CNI code, and the row of the error table that says what to do. */
export type Answer = readonly [code: CniCode, row: ErrorCode];

const again: Answer = [cniCodes.tryAgainLater, 'MNN_ATTACH_FAILED'];
const unusable: Answer = [cniCodes.nicUnusable, 'MNN_ATTACH_FAILED'];
const unreachable: Answer = [cniCodes.noAttachment, 'MNN_GATEWAY_UNREACHABLE'];
const io: Answer = [cniCodes.ioFailure, 'MNN_ATTACH_FAILED'];

type ByErrno = Readonly<Partial<Record<ErrnoName, Answer>>>;

/** Errnos that mean the same for every operation, then those that do so only for operations on existing links (errno(3), net/core/rtnetlink.c). */
const ofAny: ByErrno = {
  // Memory, open files, the kernel's own locks.
  EAGAIN: again,
  EINTR: again,
  ENOMEM: again,
  ENOBUFS: again,
  EMFILE: again,
  ENFILE: again,
  EBUSY: again,
  // Somebody removed the new link, or took it down, while it was being set up; the next attempt shows whether its NIC is the reason.
  ENODEV: again,
  ENETDOWN: again,
  ENETUNREACH: unreachable,
  EHOSTUNREACH: unreachable,
  // drivers/net/macvlan.c, macvlan_open: another link on the NIC has the hardware address.
  EADDRINUSE: [cniCodes.noAttachment, 'MNN_ADDRESS_TAKEN'],
  // The node's kernel has no such family.
  EAFNOSUPPORT: unusable,
  EOPNOTSUPP: unusable,
  EROFS: io,
  EIO: io,
};

/** When a link cannot be made, the NIC is mostly the reason: it is gone, has other links, or cannot carry the MTU; or the kernel lacks the kind. */
const ofNewLinks: ByErrno = {
  EINVAL: unusable,
  ENODEV: [cniCodes.nicUnusable, 'MNN_NODE_LACKS'],
  EBUSY: [cniCodes.nicUnusable, 'MNN_NIC_CONFLICT'],
  // The link itself exists already, for which the specification has no code.
  EEXIST: [cniCodes.internal, 'MNN_INTERFACE_EXISTS'],
  // A hardware address that no link can have.
  EADDRNOTAVAIL: [cniCodes.invalidConfig, 'MNN_ATTACH_FAILED'],
};

/** Somebody else's route is not ours to bypass (plan.ts). */
const ofNewRoutes: ByErrno = { EEXIST: [cniCodes.noAttachment, 'MNN_ROUTE_TAKEN'] };

const ofOperation: Readonly<Record<string, ByErrno>> = { 'link.add': ofNewLinks, 'route.add': ofNewRoutes };

/** The answer to an ADD of which the kernel refuses an operation. Anything unforeseen is `internal`. */
export function answerTo({ operation, code }: Pick<Failure, 'operation' | 'code'>): Answer {
  return ofOperation[operation]?.[code] ?? ofAny[code] ?? [cniCodes.internal, 'MNN_ATTACH_FAILED'];
}

/**
 * The answer to an ADD that failed.
 * @returns code 8 where the pod's namespace is gone, 11 where the call took too long or the failure may pass, answerTo() what the kernel refused,
 *   a CNI error as it is
 */
export function attachFailure(attachment: Attachment, error: unknown, signal: AbortSignal): CniError {
  const { network, netns, nics, plugin } = attachment;
  if (error instanceof PluginHung) return error;
  if (signal.aborted) {
    const detail = `network ${network}: the call took too long`;
    return cniError(cniCodes.tryAgainLater, 'MNN_CNI_DEADLINE', detail, { cause: error });
  }
  const isKernels = error instanceof NetlinkError;
  if (!isKernels && !(error instanceof NetlinkEndedError)) return toCniError(error);
  if (namespaceIdentity(netns) === undefined) return noNamespace(netns);
  const [code, row] = isKernels ? answerTo(error) : again;
  const masters = nics.map(({ master }) => master).join(', ');
  const lacksKind = isKernels && error.operation === 'link.add' && error.code === 'EOPNOTSUPP';
  const why = lacksKind ? noKind(plugin.type) : ofNic[row];
  const made = why !== undefined && isKernels ? nics.find(({ name }) => name === error.target) : undefined;
  const what = made ? `${why} (${error.message})` : error.message;
  return cniError(code, row, `network ${network} on ${made?.master ?? masters}: ${what}`, { cause: error });
}

/** What is said of the NIC if it is the reason. */
const ofNic: Partial<Record<ErrorCode, string>> = {
  MNN_NIC_CONFLICT: 'something that this agent did not make has it: a bridge, a bond, or links of another plugin',
  MNN_NODE_LACKS: 'the node has no such NIC (any more)',
};

/** Cloud kernels often have these modules in a package of their own. */
function noKind(type: string): string {
  const kind = type === 'ptp' ? 'veth' : type;
  const other = type === 'ptp' ? '' : ' such as ptp';
  return `the kernel of this node has no ${kind}: modprobe ${kind}, or another spec.plugin.type${other}`;
}

/** A call whose CNI_NETNS leads to no network namespace. */
export function noNamespace(netns: string): CniError {
  return cniError(cniCodes.invalidNetns, 'MNN_CNI_NETNS', `CNI_NETNS ${netns} is not a network namespace`);
}
