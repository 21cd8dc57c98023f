import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { help as agentHelp } from '../agent/flags.ts';
import { help as cliHelp } from '../cli/flags.ts';
import { help as webhookHelp } from '../webhook/flags.ts';
import { errorsPage, metricsIn, metricsPage, usagePage } from './tables.ts';

const root = join(import.meta.dirname, '..');

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The pages whose tables follow from the code, with what they should say. */
export function generatedPages(): Map<string, string> {
  const sources = globSync('{kube,webhook,controller,agent,certs}/**/*.ts', { cwd: root });
  const metrics = sources.filter(path => !path.endsWith('.test.ts')).flatMap(path => metricsIn(read(path)));
  const errors = 'docs/reference/errors.md';
  const measured = 'docs/reference/metrics.md';
  const agent = 'docs/reference/agent.md';
  const webhook = 'docs/reference/webhook.md';
  const cli = 'docs/reference/kubectl-multinic.md';
  return new Map([
    [errors, errorsPage(read(errors))],
    [measured, metricsPage(read(measured), metrics)],
    [agent, usagePage(read(agent), agentHelp)],
    [webhook, usagePage(read(webhook), webhookHelp)],
    [cli, usagePage(read(cli), cliHelp)],
  ]);
}
