import { type DestinationStream, type Logger, pino } from 'pino';
import manifest from '../../package.json' with { type: 'json' };

/**
 * The logger of a process: one JSON object a line on standard output, `component` in each, times in ISO 8601, levels by
 * name. The level is $LOG_LEVEL (trace, debug, info, warn, error, fatal, silent), else info.
 *
 * @param component the program's name, for example `multi-nic-agent`
 * @param destination for tests and tools; default standard output
 */
export function createLogger(component: string, destination?: DestinationStream): Logger {
  const asked = process.env.LOG_LEVEL?.toLowerCase();
  const known = asked === undefined || asked === 'silent' || asked in pino.levels.values;
  const options = {
    level: asked !== undefined && known ? asked : 'info',
    base: { component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const logger = destination ? pino(options, destination) : pino(options);
  if (!known) logger.warn({ LOG_LEVEL: asked }, 'LOG_LEVEL is not a level that pino knows; using info');
  return logger;
}

/** The first line of a program's log: which release it is, and which Node it runs on. */
export function logStart(logger: Logger): void {
  logger.info({ version: manifest.version, runtime: process.version }, 'starting');
}
