import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports of clusters lie below the range that Linux takes for outgoing connections (32768–60999 by default): there, while a program is
 * being restarted, a connection could get its port, even one that is made to that very port.
 */
const firstPort = 20_000;
const portsPerSlot = 32;
/** What lies between the slots' ports and those of outgoing connections is for single programs. */
const firstSinglePort = 22_000;
const firstOutgoingPort = 32_768;

/** Whether a TCP listener can have this address now. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen({ host, port, exclusive: true }), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/**
 * Ports on the loopback address for one cluster. A slot belongs to one cluster at a time, so two clusters never compete;
 * a port that another program has is passed over.
 */
export async function loopbackPorts(slot: number, count: number): Promise<number[]> {
  const first = firstPort + slot * portsPerSlot;
  const free: number[] = [];
  for (let port = first; port < first + portsPerSlot && free.length < count; port++) {
    if (await isPortFree('127.0.0.1', port)) free.push(port);
  }
  if (free.length < count)
    throw new Error(`Fewer than ${count} ports are free in ${first}–${first + portsPerSlot - 1}`);
  return free;
}

/** A TCP port on the loopback address that nobody listens on now; chosen at random, as other tests choose at the same time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(firstSinglePort, firstOutgoingPort);
    if (await isPortFree('127.0.0.1', port)) return port;
  }
}
