import { constants } from 'node:os';
import { ErrnoError } from '../errors.ts';

const { errno } = constants;

/** A command that `ip` could not execute, or the kernel refused. */
export class IpError extends ErrnoError {
  override readonly name = 'IpError';
  readonly errno: number;
  readonly text: string | null;

  constructor(number: number, words: string | null) {
    super(words ?? `errno ${number}`);
    this.errno = number;
    this.text = words;
  }
}

/** The C library's texts (strerror(3), locale C) of what the kernel answers to requests of this layer; musl's where they differ. */
const systemTexts: Readonly<Record<string, number>> = {
  'Operation not permitted': errno.EPERM,
  'No such file or directory': errno.ENOENT,
  'No such process': errno.ESRCH,
  'Input/output error': errno.EIO,
  'I/O error': errno.EIO,
  'No such device or address': errno.ENXIO,
  'Cannot allocate memory': errno.ENOMEM,
  'Out of memory': errno.ENOMEM,
  'Permission denied': errno.EACCES,
  'Device or resource busy': errno.EBUSY,
  'Resource busy': errno.EBUSY,
  'File exists': errno.EEXIST,
  'No such device': errno.ENODEV,
  'Not a directory': errno.ENOTDIR,
  'Is a directory': errno.EISDIR,
  'Invalid argument': errno.EINVAL,
  'No space left on device': errno.ENOSPC,
  'Numerical result out of range': errno.ERANGE,
  'Result not representable': errno.ERANGE,
  'Too many levels of symbolic links': errno.ELOOP,
  'Operation not supported': errno.EOPNOTSUPP,
  'Not supported': errno.EOPNOTSUPP,
  'Address family not supported by protocol': errno.EAFNOSUPPORT,
  'Address already in use': errno.EADDRINUSE,
  'Address in use': errno.EADDRINUSE,
  'Cannot assign requested address': errno.EADDRNOTAVAIL,
  'Address not available': errno.EADDRNOTAVAIL,
  'Network is down': errno.ENETDOWN,
  'Network is unreachable': errno.ENETUNREACH,
  'Network unreachable': errno.ENETUNREACH,
  'No buffer space available': errno.ENOBUFS,
  'No route to host': errno.EHOSTUNREACH,
  'Host is unreachable': errno.EHOSTUNREACH,
};

/** What the kernel's own words stand for, where they come instead of an errno. All others are taken for EINVAL. */
const kernelTexts: readonly (readonly [RegExp, number])[] = [
  [/address not found/i, errno.EADDRNOTAVAIL],
  [/already assigned to an ipvlan device/i, errno.EADDRINUSE],
  [/already (assigned|exists)|same name exists/i, errno.EEXIST],
  [/requested ifindex exists/i, errno.EBUSY],
  [/FIB table does not exist/i, errno.ESRCH],
  [/nexthop has invalid gateway/i, errno.ENETUNREACH],
  [/device (for nexthop )?is not up/i, errno.ENETDOWN],
  [/device not found|unable to find the requested device|invalid device index/i, errno.ENODEV],
  [/unknown device type|not supported/i, errno.EOPNOTSUPP],
  [/IPv6 is disabled on/i, errno.EACCES],
];

/** The positive errno of a text of strerror(3). */
export function errnoOfText(words: string): number | undefined {
  return systemTexts[words];
}

/**
 * What `ip` reported of a failed command. With the kernel's extended acknowledgement it prints its words and no errno, so
 * that the errno is a guess.
 */
export function errorOf(said: string): IpError {
  const lines = said.split('\n').filter(line => line !== '');
  const answer = lines
    .map(line => /^(?:RTNETLINK answers|Cannot send link get request): (.+)$/.exec(line)?.[1])
    .find(Boolean);
  if (answer !== undefined) return new IpError(errnoOfText(answer) ?? errno.EINVAL, null);
  if (lines.some(line => /^Cannot find (device|ifindex)|^Device .* does not exist/.test(line))) {
    return new IpError(errno.ENODEV, null);
  }
  const words = (lines.find(line => line.startsWith('Error: ')) ?? lines[0] ?? 'ip did not say why')
    .replace(/^Error: /, '')
    .replace(/\.$/, '');
  const found = kernelTexts.find(([pattern]) => pattern.test(words));
  return new IpError(found?.[1] ?? errnoOfText(words.split(': ').at(-1) ?? '') ?? errno.EINVAL, words);
}

/** What `ip -batch -` said: the failed lines, and what it said after the last of them. */
export interface BatchAnswers {
  /** Errors by the number of the line, from 0. */
  readonly failed: ReadonlyMap<number, IpError>;
  /** Not empty if `ip` gave up at a line that it does not name: it exits at once if it cannot parse one. */
  readonly rest: string;
}

/** Reads what `ip -batch` says of its commands. */
export function batchAnswers(stderr: string): BatchAnswers {
  const failed = new Map<number, IpError>();
  let said: string[] = [];
  for (const line of stderr.split('\n')) {
    const number = /^Command failed -:(\d+)$/.exec(line)?.[1];
    if (number === undefined) said.push(line);
    else {
      failed.set(Number(number) - 1, errorOf(said.join('\n')));
      said = [];
    }
  }
  return { failed, rest: said.join('\n').trim() };
}
