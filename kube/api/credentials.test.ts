import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { cacheCredentials } from './credentialCache.ts';
import { kubeconfigConnection } from './kubeconfig.ts';

/** What the promise is rejected with. */
const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => String(error),
  );

describe('credentials for the API server', () => {
  it('that cannot be read: it is said why, as when a login program is not installed', async () => {
    const credentials = () => Promise.reject(new Error('spawn aws ENOENT'));
    const cache = cacheCredentials({ server: 'https://127.0.0.1', credentials });
    expect(await failure(cache.get())).to.contain('cannot be read: spawn aws ENOENT');
  });

  it('of nobody: it is said that there is no kubeconfig', async () => {
    const before = { ...process.env };
    const home = await mkdtemp(join(tmpdir(), 'home-'));
    Object.assign(process.env, { HOME: home, KUBECONFIG: '' });
    try {
      expect(await failure(kubeconfigConnection({}))).to.contain('there is no kubeconfig');
    } finally {
      process.env = before;
      await rm(home, { recursive: true });
    }
  });
});
