/** A webhook that decides nothing, on our own server: it costs what being called costs. */
import { parseArgs } from 'node:util';
import { Registry } from 'prom-client';
import { keyPairFiles } from '../../certs/reload.ts';
import { runAll, terminationSignal } from '../../kube/process/lifecycle.ts';
import { createLogger } from '../../kube/process/log.ts';
import { HealthServer } from '../../kube/report/healthServer.ts';
import { createApp } from '../../webhook/server/app.ts';
import { BodyBudget } from '../../webhook/server/bodyBudget.ts';
import { Gate } from '../../webhook/server/gate.ts';
import { defaultLimits } from '../../webhook/server/limits.ts';
import { admissionMetrics } from '../../webhook/server/metrics.ts';
import { AdmissionServer } from '../../webhook/server/server.ts';
import { noopReviewers } from './noopReviewers.ts';

const text = { type: 'string', default: '' } as const;
const { values: flags } = parseArgs({ options: { port: text, 'health-port': text, cert: text, key: text } });

const logger = createLogger('noop-webhook');
const gate = new Gate(defaultLimits);
const bodies = new BodyBudget(defaultLimits.bodyBytes);
const metrics = admissionMetrics(new Registry(), gate, bodies);
const app = createApp({ reviewers: noopReviewers, gate, bodies, metrics, logger });
const server = new AdmissionServer(app, {
  ...{ port: Number(flags.port), drainMs: 0, logger },
  certificate: keyPairFiles({ cert: flags.cert, key: flags.key }),
});
const health = new HealthServer({
  ...{ port: Number(flags['health-port']), logger },
  ready: { server: () => server.accepting || 'it does not listen' },
});
using termination = terminationSignal(logger);
await runAll(termination.signal, [health, server], { logger });
