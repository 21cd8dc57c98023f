import { expect } from 'chai';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import type { KubeClient } from '../api/client.ts';
import { ApiError } from '../api/errors.ts';
import { type NetworkPages, PageDirectory } from './pageDirectory.ts';

/** What only a server that misbehaves on purpose can show; test/kube has the same directory against a real API server. */
describe('PageDirectory, against a server that misbehaves', () => {
  let server: AnsweringServer;
  let client: KubeClient;
  /** Answers still to come before the pages are told. */
  let failures: number[];

  beforeEach(async () => {
    failures = [];
    server = await AnsweringServer.start((_, response) => {
      const code = failures.shift() ?? 200;
      const columns = ['Name', 'Network', 'Node', 'Page', 'Used', 'Capacity'].map(name => ({ name }));
      const rows = [{ cells: ['net.page.0', 'net', '', 0, 256, 256] }];
      const body = code === 200 ? { columnDefinitions: columns, rows } : { kind: 'Status', message: 'etcd is away' };
      answerJson(response, code, body);
    });
    ({ client } = server);
  });

  afterEach(() => server[Symbol.asyncDispose]());

  async function candidates(timeoutMs: number): Promise<number[]> {
    const pages: number[] = [];
    for await (const page of new PageDirectory(client).candidates('net', { count: 2 }, timeoutMs)) pages.push(page);
    return pages;
  }

  it('asks again which pages are full, as a pod would else be refused for it', async () => {
    failures = [500, 504, 429];
    expect(await candidates(10_000)).to.include(1);
    expect(failures).to.deep.equal([]);
  });

  it('says at the deadline what kept it from knowing', async () => {
    failures = Array.from({ length: 1000 }, () => 500);
    const error = await candidates(500).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ApiError).with.property('status', 500);
  });

  it('does not ask again where the answer would be the same', async () => {
    failures = [403, 500];
    const error = await candidates(10_000).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ApiError).with.property('status', 403);
    expect(failures).to.deep.equal([500]);
  });

  it('has room for many where pages have, and not where excludes leave a few addresses in each', async () => {
    const isAmple = (pages: NetworkPages): Promise<boolean> =>
      new PageDirectory(client).isAmple('net', pages, { pages: 8, room: 128 }, 10_000);
    expect(await isAmple({ count: 9 })).to.equal(true);
    expect(await isAmple({ count: 8 }), 'one of eight is full').to.equal(false);
    expect(await isAmple({ count: 1000, capacity: () => 127 })).to.equal(false);
    expect(await isAmple({ count: 1000, capacity: page => (page < 5 ? 3 : 256) })).to.equal(true);
  });

  it('has room for many where most pages are crowded, as in a network that thousands of pods have an eighth of', async () => {
    const directory = new PageDirectory(client);
    const isAmple = (): Promise<boolean> => directory.isAmple('net', { count: 10 }, { pages: 8, room: 128 }, 10_000);
    expect(await isAmple()).to.equal(true);
    for (let page = 1; page < 10; page++) directory.hasRecords('net', page, 128);
    expect(await isAmple()).to.equal(true);
    for (const page of [3, 4]) directory.hasRecords('net', page, 129);
    expect(await isAmple()).to.equal(false);
  });

  it('stays with a page until that is crowded, and takes from crowded ones where there are no others', async () => {
    const directory = new PageDirectory(client);
    const first = async (count: number): Promise<number | undefined> => {
      for await (const page of directory.candidates('net', { count }, 10_000)) return page;
      return undefined;
    };
    const page = (await first(1000)) ?? NaN;
    expect(page).to.be.within(0, 7);
    directory.hasRecords('net', page, 31);
    expect(await first(1000)).to.equal(page);
    const seen = new Set<number>();
    for (let crowded = page; seen.size < 8; crowded = (await first(1000)) ?? NaN) {
      expect(seen).not.to.include(crowded);
      seen.add(crowded);
      directory.hasRecords('net', crowded, 32);
    }
    // Of a network that has only one.
    directory.hasRecords('net', 0, 32);
    expect(await first(1)).to.equal(0);
  });
});
