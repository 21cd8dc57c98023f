import { eventually } from '../../test/eventually.ts';
import { Service } from '../../test/system/service.ts';
import type { WebhookAddress } from '../../test/system/webhookConfigurations.ts';
import type { WebhookProcess } from '../../test/system/webhookProcess.ts';

/** Processes that answer reviews, behind one address; all end when it is disposed of. */
export interface WebhookReplicas extends AsyncDisposable {
  /** What the API server calls them with: its connections are spread over them. */
  readonly address: WebhookAddress;
}

/**
 * @param startOne of the replicas, counted from 1
 * @returns when every replica is called
 */
export async function startWebhookReplicas(
  count: number,
  startOne: (i: number) => Promise<WebhookProcess>,
): Promise<WebhookReplicas> {
  await using parts = new AsyncDisposableStack();
  const all: WebhookProcess[] = [];
  while (all.length < count) {
    const one = await startOne(all.length + 1);
    parts.defer(() => one.webhook.stop());
    all.push(one);
  }
  const service = parts.use(await Service.start(all.map(({ address, healthPort }) => ({ ...address, healthPort }))));
  await eventually('every replica is called', () => service.ready === count);
  // Each has an authority of its own; a bundle may hold several.
  const caCertificate = all.map(({ address }) => address.caCertificate).join('\n');
  const whole = parts.move();
  return { address: { port: service.port, caCertificate }, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}
