import { setFlagsFromString } from 'node:v8';

/**
 * Settings of V8 for an agent, which runs on every node and is idle most of the time. Node does not accept the flag in NODE_OPTIONS.
 * - `--no-turbofan`: without the compiler for what has run very long. Its first run, on one function, brings 5 MiB of it into memory, at the
 *   start of every agent; 40,000 routes are programmed no slower with code as Maglev, the compiler before it, makes it.
 */
export function preferMemory(): void {
  setFlagsFromString('--no-turbofan');
}
