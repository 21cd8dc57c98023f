import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeClient } from '../kube/api/client.ts';

/** Answers a request as a test wants it, or leaves it without an answer. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTP server in the place of an API server, and a client of it: for what a real one does only when it likes. */
export class AnsweringServer implements AsyncDisposable {
  readonly url: string;
  readonly client: KubeClient;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.client = new KubeClient({ server: this.url, credentials: () => Promise.resolve({ headers: {}, tls: {} }) });
  }

  static async start(answer: Answer): Promise<AnsweringServer> {
    const server = createServer(answer);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new AnsweringServer(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** @param body what is sent as JSON */
export function answerJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
