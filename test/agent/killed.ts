import { expect } from 'chai';
import { dieAtVariable } from '../../agent/base/steps.ts';
import type { Ending } from '../cni/program.ts';
import type { Host } from './host.ts';
import { resultOf, type Sandbox } from './sandbox.ts';

/** What a call may find after a crash: the same sandbox, or one whose namespace is gone. */
export const aftermaths = ['DEL', 'the next ADD', 'GC', 'DEL without its namespace'] as const;
export type Aftermath = (typeof aftermaths)[number];

/** Makes a call during which the agent is killed at the step; then there is another agent. */
export async function killedDuring(host: Host, call: () => Promise<Ending>, step: string): Promise<void> {
  await host.stopAgent('SIGKILL');
  await host.startAgent({ [dieAtVariable]: step });
  expect((await call()).exitCode, `${step}: the agent was there to the end`).not.to.equal(0);
  await host.startAgent();
}

/**
 * What the runtime does then; afterwards nothing may be left.
 * @param links names that the next ADD makes
 * @param valid attachments that GC has to leave
 */
export async function cleanUp(
  sandbox: Sandbox,
  config: object,
  aftermath: Aftermath,
  { links, valid = [] }: { links: readonly string[]; valid?: readonly object[] },
): Promise<void> {
  const { namespace } = sandbox;
  if (aftermath === 'DEL without its namespace') namespace[Symbol.dispose]();
  if (aftermath === 'the next ADD') {
    const result = resultOf(await sandbox.call('ADD', config));
    expect(sandbox.links()).to.deep.equal(links);
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
  }
  if (aftermath === 'GC') {
    const gc = { ...config, cniVersion: '1.1.0', 'cni.dev/valid-attachments': valid };
    expect(await sandbox.call('GC', gc)).to.include({ exitCode: 0, stdout: '' });
  } else {
    await sandbox.del(config);
  }
  if (!namespace.exists) return;
  expect(sandbox.links()).to.deep.equal([]);
  // The kernel's own: local, main, default.
  expect(namespace.ip('rule').trim().split('\n')).to.have.length(3);
}
