import { expect } from 'chai';
import fc from 'fast-check';
import { ApiError, isGone, TransportError } from './errors.ts';
import { parseWatchEvents, splitLines } from './watchEvents.ts';

async function* stream(...chunks: (string | Buffer)[]) {
  for (const chunk of chunks) {
    await Promise.resolve();
    yield Buffer.from(chunk);
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function failure(...chunks: string[]): Promise<unknown> {
  return await collect(parseWatchEvents(stream(...chunks), 'watch pods')).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('splitLines', () => {
  it('gives the same lines however the bytes are cut, also inside a character', async () => {
    const text = fc.string({ unit: 'grapheme' }).map(line => line.replaceAll('\n', ' '));
    await fc.assert(
      fc.asyncProperty(fc.array(text), fc.array(fc.nat(50)), async (lines, cuts) => {
        const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''));
        const places = [0, ...cuts.filter(cut => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
        expect(await collect(splitLines(stream(...chunks)))).to.deep.equal(lines.filter(line => line !== ''));
      }),
    );
  });

  it('drops an event that was cut short by the end of the connection', async () => {
    expect(await collect(splitLines(stream('one\ntw')))).to.deep.equal(['one']);
  });
});

describe('parseWatchEvents', () => {
  it('yields events and bookmarks', async () => {
    const added = { type: 'ADDED', object: { metadata: { name: 'a', resourceVersion: '5' } } };
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } };
    const events = parseWatchEvents(stream(`${JSON.stringify(added)}\n${JSON.stringify(bookmark)}\n`), 'watch pods');
    expect(await collect(events)).to.deep.equal([added, bookmark]);
  });

  it('throws an ERROR event as the refusal that it is', async () => {
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 1 (9)' };
    const error = await failure(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    expect(error).to.be.instanceOf(ApiError);
    expect(isGone(error)).to.equal(true);
  });

  it('refuses what is no watch event, and shows it', async () => {
    for (const line of ['<html>\n', '{"type":"NEW"}\n']) {
      const error = await failure(line);
      expect(error).to.be.instanceOf(TransportError).with.property('code', 'protocol');
      expect((error as Error).message).to.include(JSON.stringify(line.trim()));
    }
  });
});
