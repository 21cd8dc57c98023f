import type { Socket } from 'node:net';

export interface CrowdLimits {
  /** Many more than are open at once where nobody means harm. */
  readonly few: number;
  /** How long a connection may be idle while there are more than few, ms: those that came together are all served before. */
  readonly idleMs: number;
}

/**
 * The connections of a server that listens on TCP. While there are many, those that have been idle for long are cut off, so that silent ones
 * take no memory and shut nobody out.
 */
export class OpenConnections {
  readonly #limits: CrowdLimits;
  /** Since when each is idle, by the peer's address and port; the longest idle first. */
  readonly #idle = new Map<string, { socket: Socket; since: number }>();

  constructor(limits: CrowdLimits) {
    this.#limits = limits;
  }

  /** A connection that was opened. */
  opened(socket: Socket): void {
    const key = keyOf(socket);
    this.#idle.set(key, { socket, since: performance.now() });
    socket.once('close', () => {
      // Another may have come from the same port before this end is told.
      if (this.#idle.get(key)?.socket === socket) this.#idle.delete(key);
    });
    this.#thinOut();
  }

  /** Something was asked on it. @param socket it, or what is wrapped around it */
  used(socket: Socket): void {
    const key = keyOf(socket);
    const known = this.#idle.get(key);
    if (!known) return;
    this.#idle.delete(key);
    this.#idle.set(key, { ...known, since: performance.now() });
  }

  /** Ends all. */
  disconnect(): void {
    for (const { socket } of this.#idle.values()) socket.destroy();
  }

  #thinOut(): void {
    if (this.#idle.size <= this.#limits.few) return;
    const until = performance.now() - this.#limits.idleMs;
    for (const { socket, since } of this.#idle.values()) {
      if (since > until) return;
      socket.destroy();
    }
  }
}

function keyOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
