/**
 * The parts of undici that the transport uses, imported one by one: the package's index also loads fetch, WebSocket,
 * caches and mocks, 13 MiB that no agent needs.
 */
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';
  export default Pool;
}

declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici';
  export default function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
}

declare module 'undici/lib/core/connect.js' {
  import type { Socket } from 'node:net';
  import type { buildConnector } from 'undici';
  /** Returns the socket too, which the published type leaves out. */
  export default function build(
    options?: buildConnector.BuildOptions,
  ): (...args: Parameters<buildConnector.connector>) => Socket;
}
