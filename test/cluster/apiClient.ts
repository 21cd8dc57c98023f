import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import type { KeyPairFiles } from './pki.ts';

/** A JSON client of the API server with a client certificate, for the harness itself. */
export class ApiClient {
  readonly #server: string;
  readonly #agent: Agent;

  constructor(server: string, caCertificate: string, user: KeyPairFiles) {
    this.#server = server;
    const [cert, key] = [readFileSync(user.certificate), readFileSync(user.privateKey)];
    this.#agent = new Agent({ connections: 16, connect: { ca: caCertificate, cert, key } });
  }

  /** Sends a request and returns the status code and the body; a body of ours goes as JSON. */
  async send(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    body?: unknown,
  ): Promise<{ status: number; text: string }> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await request(`${this.#server}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: { 'content-type': type },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.statusCode, text: await response.body.text() };
  }

  /** Whether the API server answers, says that it is ready, and has made the namespace that everybody uses. */
  async isReady(): Promise<boolean> {
    try {
      const answers = [await this.send('GET', '/readyz'), await this.send('GET', '/api/v1/namespaces/default')];
      return answers.every(({ status }) => status === 200);
    } catch {
      return false; // not listening yet
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
