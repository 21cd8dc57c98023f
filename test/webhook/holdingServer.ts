import { rmSync } from 'node:fs';
import pino from 'pino';
import { Registry } from 'prom-client';
import { keyPairFiles } from '../../certs/reload.ts';
import { allow } from '../../webhook/review/decision.ts';
import { createApp } from '../../webhook/server/app.ts';
import { BodyBudget } from '../../webhook/server/bodyBudget.ts';
import { Gate } from '../../webhook/server/gate.ts';
import { defaultLimits } from '../../webhook/server/limits.ts';
import { admissionMetrics } from '../../webhook/server/metrics.ts';
import { AdmissionServer, type ServerOptions } from '../../webhook/server/server.ts';
import { eventually } from '../eventually.ts';
import type { ServerAddress } from './postReview.ts';
import { servingCertificate } from './support.ts';

/** An admission server in this process whose reviews, at /held, are answered when the test lets them go. */
export interface HoldingServer extends ServerAddress, AsyncDisposable {
  registry: Registry;
  budget: BodyBudget;
  /** Until so many reviews are held. */
  holds(count: number): Promise<unknown>;
  letGo(): void;
}

/** @param options.bodyBytes how many bytes it holds at once */
export async function startHoldingServer({
  bodyBytes = defaultLimits.bodyBytes,
  crowd,
}: { bodyBytes?: number } & Pick<ServerOptions, 'crowd'> = {}): Promise<HoldingServer> {
  const { folder, certificate, caCertificate } = await servingCertificate();
  const held: (() => void)[] = [];
  const reviewer = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.push(resolve);
    await promise;
    return allow();
  };
  const registry = new Registry();
  const gate = new Gate(defaultLimits);
  const budget = new BodyBudget(bodyBytes);
  const logger = pino({ enabled: false });
  const metrics = admissionMetrics(registry, gate, budget);
  const server = new AdmissionServer(
    createApp({ reviewers: { '/held': reviewer }, gate, bodies: budget, metrics, logger }),
    { port: 0, host: '127.0.0.1', certificate: keyPairFiles(certificate), drainMs: 0, logger, ...(crowd && { crowd }) },
  );
  const stopping = new AbortController();
  const ended = server.start(stopping.signal);
  await Promise.race([server.untilListening(), ended]);
  return {
    port: server.port,
    caCertificate,
    registry,
    budget,
    holds: count => eventually(`${count} reviews to be held`, () => held.length === count),
    letGo: () => {
      for (const end of held.splice(0)) end();
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
