/** The admission server with its own limits, whose reviews wait a second, as for an API server: `waitingServer.ts CERT KEY`. */
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { Registry } from 'prom-client';
import { keyPairFiles } from '../../certs/reload.ts';
import { allow } from '../../webhook/review/decision.ts';
import { createApp } from '../../webhook/server/app.ts';
import { BodyBudget } from '../../webhook/server/bodyBudget.ts';
import { Gate } from '../../webhook/server/gate.ts';
import { defaultLimits } from '../../webhook/server/limits.ts';
import { admissionMetrics } from '../../webhook/server/metrics.ts';
import { AdmissionServer } from '../../webhook/server/server.ts';

const [, , cert = '', key = ''] = process.argv;
const logger = pino({ enabled: false });
const gate = new Gate(defaultLimits);
const bodies = new BodyBudget(defaultLimits.bodyBytes);
const app = createApp({
  reviewers: {
    '/held': async () => {
      await sleep(1000);
      return allow();
    },
  },
  gate,
  bodies,
  metrics: admissionMetrics(new Registry(), gate, bodies),
  logger,
});
const server = new AdmissionServer(app, {
  port: 0,
  host: '127.0.0.1',
  certificate: keyPairFiles({ cert, key }),
  logger,
});
void server.untilListening().then(() => {
  process.stdout.write(String(server.port));
});
await server.start(new AbortController().signal);
