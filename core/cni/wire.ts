import { MultiNicError } from '../errors.ts';
import { isRecord } from '../json.ts';

/**
 * What the executable and the agent say to each other. One call is one connection to the agent's unix stream socket: the executable
 * sends one request as UTF-8 JSON and shuts down its writing side; the agent sends one answer as UTF-8 JSON and closes. There is no
 * framing: the end of the stream is the end of the document, so a document cut short never parses.
 *
 * This file runs in Node (the agent) and in QuickJS (the executable): nothing but the language is used.
 */

/** The version of this contract. The two sides are deployed together, but a node may run an older executable for a while. */
export const wireVersion = 1;

/** Where the agent listens, unless the variable {@link socketVariable} of its and the executable's environment says otherwise. */
export const defaultSocketPath = '/run/multi-nic/cni.sock';

/** The environment variable that overrides {@link defaultSocketPath}. */
export const socketVariable = 'MULTI_NIC_SOCKET';

/**
 * The file beside the agent's socket that says: the system was uninstalled while pods had interfaces of it. Their DEL has nobody to ask, and
 * must not keep them from ending.
 */
export function uninstalledMark(socket: string): string {
  return `${socket}.uninstalled`;
}

/** The longest request that the agent reads, bytes. A node's GC call lists every attachment of the node: about 100 bytes each. */
export const maxRequestBytes = 8 * 1024 * 1024;

/** The longest network configuration that the executable takes, bytes: half a request, as JSON in JSON doubles its quotes and backslashes. */
export const maxConfigBytes = maxRequestBytes / 2;

/** The longest answer that the executable reads, bytes. */
export const maxAnswerBytes = 8 * 1024 * 1024;

/**
 * The variables that a runtime passes to a plugin (CNI 1.1, section 2 "Parameters"; CNI_NETNS_OVERRIDE is libcni's "the caller knows
 * that the network namespace is its own"). Nothing else of the caller's environment reaches the agent.
 */
export const cniVariables = [
  'CNI_COMMAND',
  'CNI_CONTAINERID',
  'CNI_NETNS',
  'CNI_IFNAME',
  'CNI_ARGS',
  'CNI_PATH',
  'CNI_NETNS_OVERRIDE',
] as const;

export type CniVariable = (typeof cniVariables)[number];

/** The CNI variables of one call: one that the runtime did not set is absent; one that it set to nothing is ''. */
export type CniEnvironment = Readonly<Partial<Record<CniVariable, string>>>;

/** One CNI call, as the runtime made it. */
export interface CniRequest {
  readonly version: typeof wireVersion;
  readonly env: CniEnvironment;
  /** The network configuration, verbatim. It may be anything: the agent answers for mistakes in it. */
  readonly stdin: string;
}

/** What the executable prints and exits with. */
export interface CniAnswer {
  readonly version: typeof wireVersion;
  /** 0 for success; otherwise 1…255, and `stdout` holds a CNI error object. */
  readonly exitCode: number;
  /** Printed verbatim. */
  readonly stdout: string;
}

/** The request document of one call. */
export function encodeRequest(env: CniEnvironment, stdin: string): string {
  return JSON.stringify({ version: wireVersion, env, stdin } satisfies CniRequest);
}

/** The answer document of one call. */
export function encodeAnswer(exitCode: number, stdout: string): string {
  return JSON.stringify({ version: wireVersion, exitCode, stdout } satisfies CniAnswer);
}

/**
 * Reads a request document. Variables that this version does not know are dropped.
 * @throws MultiNicError MNN_WIRE_INVALID naming the field that is wrong
 */
export function decodeRequest(text: string): CniRequest {
  const document = decodeDocument(text, 'request');
  if (typeof document.stdin !== 'string') throw wireError('request', 'stdin is not a string');
  return { version: wireVersion, env: decodeEnvironment(document.env), stdin: document.stdin };
}

/**
 * Reads an answer document.
 * @throws MultiNicError MNN_WIRE_INVALID naming the field that is wrong
 */
export function decodeAnswer(text: string): CniAnswer {
  const { exitCode, stdout } = decodeDocument(text, 'answer');
  if (typeof exitCode !== 'number' || !Number.isInteger(exitCode) || exitCode < 0 || exitCode > 255) {
    throw wireError('answer', 'exitCode is not an integer from 0 to 255');
  }
  if (typeof stdout !== 'string') throw wireError('answer', 'stdout is not a string');
  return { version: wireVersion, exitCode, stdout };
}

function decodeEnvironment(value: unknown): CniEnvironment {
  if (!isRecord(value)) throw wireError('request', 'env is not an object');
  const env: Partial<Record<CniVariable, string>> = {};
  for (const name of cniVariables) {
    const content = value[name];
    if (content === undefined) continue;
    if (typeof content !== 'string') throw wireError('request', `env.${name} is not a string`);
    env[name] = content;
  }
  return env;
}

function decodeDocument(text: string, kind: 'request' | 'answer'): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw wireError(kind, `not one whole JSON document (${text.length} characters)`, { cause });
  }
  if (!isRecord(document)) throw wireError(kind, 'not a JSON object');
  if (document.version !== wireVersion) {
    throw wireError(kind, `version is ${JSON.stringify(document.version) ?? 'missing'}, not ${wireVersion}`);
  }
  return document;
}

function wireError(kind: 'request' | 'answer', what: string, options?: ErrorOptions): MultiNicError {
  return new MultiNicError(
    'MNN_WIRE_INVALID',
    `The ${kind} between the CNI executable and the agent: ${what}`,
    options,
  );
}
