import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const manifest = join(import.meta.dirname, '../../manifests/base/agent/daemonset.yaml');

/** The variables that the agent's manifest sets to fixed values. */
export function agentEnvironment(): Record<string, string> {
  const text = readFileSync(manifest, 'utf8');
  const { spec } = parse(text) as { spec: { template: { spec: { containers: { env: EnvVar[] }[] } } } };
  const env = spec.template.spec.containers.flatMap(container => container.env);
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

interface EnvVar {
  readonly name: string;
  readonly value?: string;
}
