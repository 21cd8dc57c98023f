import type { Agent, AgentOptions } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import type { TlsMaterial } from './connection.ts';

/** The agents (of node:http) that hold the connections made with one set of certificates. */
export interface Agents {
  readonly tls: TlsMaterial;
  readonly calls: Agent;
  readonly watches: Agent;
}

/**
 * Idle connections are closed on our side before the API server does it at 90 s (IdleTimeout in k8s.io/apiserver), so that
 * a request seldom meets a connection that is just closing.
 */
const keepAliveMs = 55_000;
const probeAfterMs = 30_000;

/** The connections of one client. New certificates get new connections; old ones end once they are idle. */
export class AgentPool {
  readonly #AgentClass: new (options: AgentOptions & TlsMaterial) => Agent;
  readonly #maxConnections: number;
  /** Including those of earlier certificates, as long as they have connections. */
  readonly #all = new Set<Agent>();
  #current: Agents | undefined;

  /** @param maxConnections limit on connections for calls; those of watches are not counted */
  constructor(AgentClass: new (options: AgentOptions & TlsMaterial) => Agent, maxConnections: number) {
    this.#AgentClass = AgentClass;
    this.#maxConnections = maxConnections;
  }

  for(tls: TlsMaterial): Agents {
    if (this.#current && isDeepStrictEqual(this.#current.tls, tls)) return this.#current;
    for (const agent of this.#all) if (isUnused(agent)) this.#all.delete(agent);
    const options = { ...tls, keepAlive: true, keepAliveMsecs: probeAfterMs, timeout: keepAliveMs };
    const calls = new this.#AgentClass({ ...options, maxSockets: this.#maxConnections });
    const watches = new this.#AgentClass(options);
    this.#all.add(calls).add(watches);
    this.#current = { tls, calls, watches };
    return this.#current;
  }

  /** Ends every connection that waits for a call. */
  dropIdle(): void {
    const idle = [...this.#all].flatMap(({ freeSockets }) =>
      Object.values(freeSockets).flatMap(sockets => sockets ?? []),
    );
    for (const socket of idle) socket.destroy();
  }

  /** Ends every connection at once. */
  destroy(): void {
    for (const agent of this.#all) agent.destroy();
  }
}

function isUnused({ sockets, freeSockets, requests }: Agent): boolean {
  return [sockets, freeSockets, requests].every(byOrigin => Object.keys(byOrigin).length === 0);
}
