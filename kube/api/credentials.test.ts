import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
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

  /** Calls with a home folder, empty so far, and without $KUBECONFIG. */
  async function atHome<T>(call: (home: string) => Promise<T>): Promise<T> {
    const before = { ...process.env };
    const home = await mkdtemp(join(tmpdir(), 'home-'));
    Object.assign(process.env, { HOME: home, KUBECONFIG: '' });
    try {
      return await call(home);
    } finally {
      process.env = before;
      await rm(home, { recursive: true });
    }
  }

  it('of nobody: it is said that there is no kubeconfig', async () => {
    for (const choice of [{}, { context: 'prod' }])
      expect(await atHome(() => failure(kubeconfigConnection(choice)))).to.contain('there is no kubeconfig');
  });

  it('of a kubeconfig for a proxy on this machine are read, although its server is the one that is assumed where there is none', async () => {
    const server = 'http://localhost:8080';
    const config = {
      clusters: [{ name: 'proxy', cluster: { server } }],
      contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'me' } }],
      users: [{ name: 'me', user: {} }],
      'current-context': 'proxy',
    };
    const read = async (home: string): Promise<string[]> => {
      const kubeconfig = join(home, '.kube', 'config');
      await mkdir(join(home, '.kube'));
      await writeFile(kubeconfig, JSON.stringify(config));
      return Promise.all([{}, { kubeconfig }].map(async choice => (await kubeconfigConnection(choice)).server));
    };
    expect(await atHome(read)).to.deep.equal([server, server]);
  });
});
