import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { annotation } from '../../core/api/names.ts';
import { networkAttachmentDefinitions, pods } from '../../kube/api/resources.ts';
import { fault } from './answers.ts';
import { mutated, type Mutations, mutations } from './mutations.ts';
import { seedReviews, type Seeds } from './seeds.ts';
import { type FuzzSite, namespace, startFuzzSite } from './site.ts';

/** Of each path; more find more. */
const cases = Number(process.env.FUZZ_CASES ?? 35_000);
/** Other ones: what a failure prints repeats it. */
const seed = Number(process.env.FUZZ_SEED ?? 1);
/** So many are made at once. */
const batch = 1000;
const clients = 32;
/** One of so many reviews is no dry run, and may write. */
const written = 50;
/** A hundred bytes of each of 45,000 reviews. */
const mostGrowthMiB = 5;
const paths = [
  '/try-pods',
  '/mutate-pods',
  '/mutate-pod-updates',
  '/validate-pods',
  '/mutate-bindings',
  '/validate-networks',
  '/validate-pools',
];

describe('admission webhooks, whatever is sent to them', function () {
  this.timeout(1_800_000);
  let site: FuzzSite;
  let seeds: Seeds;

  before(async function () {
    this.timeout(900_000);
    site = await startFuzzSite();
    seeds = await seedReviews(site.client);
  });
  after(() => site?.[Symbol.asyncDispose]());

  for (const path of paths) {
    // Of a pool little is read, and each review asks the API server.
    const count = path === '/validate-pools' ? Math.ceil(cases / 10) : cases;
    it(`${path} answers ${count.toLocaleString('en')} mutated reviews, lives, and keeps nothing of them`, async () => {
      const { pid } = site.webhook;
      const warm = Math.ceil(count / 10 / batch) * batch;
      await send(path, 0, warm);
      const before = await site.heapMiB();
      await send(path, warm, count);
      const after = await site.heapMiB();
      console.log(
        `      heap: ${before.toFixed(1)} MiB, ${(count - warm).toLocaleString('en')} reviews later ${after.toFixed(1)} MiB`,
      );
      expect(after - before, 'MiB').to.be.below(mostGrowthMiB);
      expect(site.webhook.pid).to.equal(pid);
    });
  }

  it('answer what is too deep, too long, or no text at all', async () => {
    const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);
    const [plain] = seeds['/mutate-pods'] ?? [];
    const within = (inner: string): string => JSON.stringify(plain).replace('"uid":', `"inner":${inner},"uid":`);
    const odd = [
      ...[deep('[', ']', 1_000_000), deep('{"a":', '', 500_000), within(deep('[', ']', 200_000))],
      ...[within(JSON.stringify('x'.repeat(6 * 1024 * 1024))), '', '\0', 'null', '[]', '"x"', '1e400', '\ufeff{}'],
      ...[Buffer.from([0xff, 0xfe, 0, 0xd8]), Buffer.alloc(8 * 1024 * 1024, '[')],
    ];
    const { pid } = site.webhook;
    for (const path of paths) {
      for (const body of odd) {
        const found = await answered(path, body);
        if (found !== undefined) throw new Error([found, ...site.stacks()].join('\n'));
      }
    }
    expect(site.webhook.pid).to.equal(pid);
  });

  it('refuse annotations that would take all memory or time, as quickly as others are answered', async () => {
    const names = Array.from({ length: 1_000_000 }, (_, i) => i.toString(36));
    const many = Array.from({ length: 10_000 }, () => 'flat').join();
    const costly: Record<string, string>[] = [
      { [annotation.networks]: names.join() },
      { [annotation.ourNetworks]: names.map(() => 'flat').join() },
      { [annotation.networks]: many },
      { [annotation.networks]: JSON.stringify([{ name: 'train', 'cni-args': { masters: names.slice(0, 48_000) } }]) },
    ];
    for (const annotations of costly) {
      const object = { metadata: { name: 'costly', annotations }, spec: { containers: [{ name: 'main' }] } };
      const core = { group: '', version: 'v1' };
      const request = {
        ...{ uid: 'costly', kind: { ...core, kind: 'Pod' }, resource: { ...core, resource: 'pods' } },
        ...{ operation: 'CREATE', namespace, userInfo: {}, object },
      };
      const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
      const answer = await site.post('/mutate-pods', body);
      expect(JSON.parse(answer.body)).to.have.nested.property('response.allowed', false);
    }
    expect(site.webhook.running).to.equal(true);
  });

  it('refuse networks that are larger than the schema lets them be, as quickly', async () => {
    const addresses = Array.from({ length: 20_000 }, (_, i) => `10.201.${i >> 8}.${i % 256}/32`);
    const [seed] = (seeds['/validate-networks'] ?? []) as { request: { object: { spec: object } } }[];
    const { spec } = seed!.request.object;
    const ipam = { type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2, excludeCIDRs: addresses };
    for (const large of [{ masterNets: addresses }, { subnet: '10.0.0.0/8', ipam: JSON.stringify(ipam) }]) {
      const { request } = structuredClone(seed!);
      request.object.spec = { ...spec, ...large };
      const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
      expect((await site.post('/validate-networks', body)).body).to.match(
        /MNN_REVIEW_INVALID: object\.spec\.\w+ is longer than/,
      );
    }
  });

  it('hold little of pods that wait, and of definitions, however much is written into them', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `large-${i}`);
    const large = 'x'.repeat(250_000);
    const before = await site.heapMiB();
    for (const name of names) {
      const metadata = { name, namespace, annotations: { [annotation.networks]: 'train', large } };
      const spec = { schedulerName: 'nobody', containers: [{ name: 'main', image: 'pause' }] };
      await site.client.create(pods, { metadata, spec });
      await site.client.create(networkAttachmentDefinitions, {
        metadata: { name, namespace },
        spec: { config: large },
      });
    }
    await sleep(2000);
    const after = await site.heapMiB();
    expect(after - before, 'MiB').to.be.below(10);
    await Promise.all(names.map(name => site.client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0 })));
  });

  async function send(path: string, from: number, to: number): Promise<void> {
    const faults: string[] = [];
    for (let done = from; done < to && faults.length === 0; done += batch) {
      const queue = bodies(seeds[path] ?? [], Math.min(batch, to - done), seed * 1_000_003 + done).entries();
      const worker = async (): Promise<void> => {
        for (const [i, body] of queue) {
          const found = await faultOf(path, body);
          if (found !== undefined) faults.push(keep(`${path.slice(1)}-${seed}-${done + i}`, body, found));
        }
      };
      await Promise.all(Array.from({ length: clients }, worker));
    }
    if (faults.length > 0) throw new Error([...faults.slice(0, 5), ...site.stacks()].join('\n'));
  }

  async function faultOf(path: string, body: string): Promise<string | undefined> {
    return answered(path, body, (status, answer) => fault(body, status, answer));
  }

  /** @returns what is wrong with the answer, or that there is none */
  async function answered(
    path: string,
    body: string | Buffer,
    look: (status: number, answer: string) => string | undefined = status =>
      [200, 400, 413].includes(status) ? undefined : `status ${status}`,
  ): Promise<string | undefined> {
    try {
      const { status, body: answer } = await site.post(path, body);
      return look(status, answer);
    } catch (error) {
      await sleep(200);
      const end = site.webhook.running ? '' : `; the webhook has ended: ${site.webhook.logTail()}`;
      return `no answer: ${String(error)}${end}`;
    }
  }

  function keep(name: string, body: string, found: string): string {
    const file = join(site.folder, `${name}.json`);
    writeFileSync(file, body);
    return `${found}\n${body.slice(0, 3000)}\n(${file})`;
  }
});

function bodies(reviews: readonly object[], count: number, from: number): string[] {
  const what = fc.record({ review: fc.nat(), how: mutations, isWritten: fc.nat(written - 1).map(n => n === 0) });
  return fc.sample(what, { numRuns: count, seed: from }).map(({ review, how, isWritten }) => {
    const sound = reviews[review % reviews.length] as { request: object };
    const tried = isWritten ? { ...sound, request: { ...sound.request, dryRun: false } } : sound;
    return mutated(tried, how satisfies Mutations);
  });
}
