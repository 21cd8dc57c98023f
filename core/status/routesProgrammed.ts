/** The condition of a HostInterface in which its agent says whether all L3 routes of the node are in its kernel. */
export const routesProgrammed = 'RoutesProgrammed';

/** What keeps a route or rule out of a node's kernel, or in it. */
export interface RouteFailure {
  /** Undefined where it is not known whose it is. */
  readonly network?: string | undefined;
  readonly what: string;
}

/** How many networks a message names: every agent is sent it. */
const mostNamed = 50;

/** A failure in words, which begin with the network. */
export function failureText({ network, what }: RouteFailure): string {
  return network === undefined ? what : `network ${network}: ${what}`;
}

/** The message of the condition where something failed: the first failure of each network, so that all of these are named. */
export function failureMessage(failures: readonly RouteFailure[]): string {
  const firsts = [...Map.groupBy(failures, ({ network }) => network).values()].flatMap(([first]) => first ?? []);
  if (firsts.length <= mostNamed) return firsts.map(failureText).join('; ');
  return `routes of ${firsts.length} networks: ${firsts[0]?.what ?? ''}`;
}

/** Whether a message says that routes of the network failed: it names the network, or none at all for one of its failures. */
export function saysFailed(message: string, network: string): boolean {
  return message.split('; ').some(text => {
    const [, named = network] = /^network ([a-z0-9-]+): /.exec(text) ?? [];
    return named === network;
  });
}
