import { rmSync } from 'node:fs';
import pino from 'pino';
import { Registry } from 'prom-client';
import { keyPairFiles } from '../../certs/reload.ts';
import { createApp, type Reviewer } from '../../webhook/server/app.ts';
import { BodyBudget } from '../../webhook/server/bodyBudget.ts';
import { Gate } from '../../webhook/server/gate.ts';
import { defaultLimits } from '../../webhook/server/limits.ts';
import { admissionMetrics } from '../../webhook/server/metrics.ts';
import { AdmissionServer, type ServerOptions } from '../../webhook/server/server.ts';
import type { ServerAddress } from './postReview.ts';
import { servingCertificate } from './support.ts';

/** An admission server in this process. */
export interface ReviewServer extends ServerAddress, AsyncDisposable {
  registry: Registry;
  budget: BodyBudget;
}

/**
 * @param reviewers path → what answers there
 * @param options.bodyBytes how many bytes it holds at once
 */
export async function startReviewServer(
  reviewers: Record<string, Reviewer>,
  { bodyBytes = defaultLimits.bodyBytes, crowd }: { bodyBytes?: number } & Pick<ServerOptions, 'crowd'> = {},
): Promise<ReviewServer> {
  const { folder, certificate, caCertificate } = await servingCertificate();
  const registry = new Registry();
  const gate = new Gate(defaultLimits);
  const budget = new BodyBudget(bodyBytes);
  const logger = pino({ enabled: false });
  const metrics = admissionMetrics(registry, gate, budget);
  const server = new AdmissionServer(createApp({ reviewers, gate, bodies: budget, metrics, logger }), {
    ...{ port: 0, host: '127.0.0.1', certificate: keyPairFiles(certificate), drainMs: 0, logger },
    ...(crowd && { crowd }),
  });
  const stopping = new AbortController();
  const ended = server.start(stopping.signal);
  await Promise.race([server.untilListening(), ended]);
  return {
    port: server.port,
    caCertificate,
    registry,
    budget,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
