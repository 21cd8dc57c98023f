import fc from 'fast-check';

/** One change of a JSON value: where, what is done, and with what. */
export interface Mutation {
  /** Which of all places, modulo how many there are. */
  at: number;
  how: 'drop' | 'replace' | 'rename' | 'splice' | 'repeat' | 'nest';
  value: unknown;
}

/** What programs stumble over. */
const oddities: readonly unknown[] = [
  ...['', ' ', '\0', '__proto__', 'constructor', 'toString', 'null', 'true', '[]', '{}', '[{}]', '"', '\\', '\ud800'],
  ...['0.0.0.0/0', '::/0', '10.0.0.0/33', '256.1.1.1', '::ffff:1.2.3.4', 'fe80::1%eth0', '-1', '1e999', '0x10', '٣'],
  ...['../../etc/passwd', 'a/b/c@d@e', ',,,', 'train,train', 'a'.repeat(300), '${HOME}', '$(id)', '%s%n', '🦄'],
  ...[null, true, false, 0, -0, -1, 0.5, 1e308, Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 31],
  ...[[], {}, [[]], [null], { __proto__: null, length: -1 }, [[[[[[]]]]]]],
];

const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...oddities) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.integer() },
);

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom<Mutation['how']>('drop', 'replace', 'replace', 'replace', 'rename', 'splice', 'repeat', 'nest'),
  value,
});

/** A few mutations of one value; seldom also damage to its text. */
export const mutations = fc.record({
  changes: fc.array(mutation, { minLength: 1, maxLength: 4 }),
  damage: fc.oneof(
    { weight: 20, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.record({ at: fc.nat(), text: fc.string({ unit: 'binary', maxLength: 5 }) }) },
  ),
});

export type Mutations = typeof mutations extends fc.Arbitrary<infer T> ? T : never;

/** One that is longer is not changed any more: what is repeated again and again outgrows any string. */
const mostChars = 100_000;

/** The JSON text of the value with all mutations; the value itself stays as it is. */
export function mutated(json: unknown, { changes, damage }: Mutations): string {
  let whole: unknown = structuredClone(json);
  let text = '';
  for (const change of changes) {
    if (text.length > mostChars) break;
    whole = changed(whole, change);
    text = JSON.stringify(whole) ?? '';
  }
  if (!damage) return text;
  const at = damage.at % (text.length + 1);
  return text.slice(0, at) + damage.text + text.slice(at + damage.text.length);
}

type Container = Record<string, unknown> | unknown[];

/** A place: a container's key. */
type Slot = readonly [Container, string | number];

function changed(whole: unknown, mutation: Mutation): unknown {
  const root = { whole };
  const slots = slotsOf(root);
  const slot = slots[mutation.at % slots.length];
  if (slot) change(slot, mutation);
  return root.whole;
}

function slotsOf(container: Container): Slot[] {
  return Object.entries(container).flatMap(([key, child]: [string, unknown]) => [
    [container, Array.isArray(container) ? Number(key) : key] as const,
    ...(typeof child === 'object' && child !== null ? slotsOf(child as Container) : []),
  ]);
}

function change([container, key]: Slot, { at, how, value: shared }: Mutation): void {
  const value = structuredClone(shared);
  const holder = container as Record<string | number, unknown>;
  const old = holder[key];
  const embedded = typeof old === 'string' ? parsed(old) : undefined;
  if (embedded !== undefined && how !== 'replace' && at % 3 !== 0) {
    // Annotations and plugin configurations are JSON in JSON.
    holder[key] = JSON.stringify(changed(embedded, { at: Math.floor(at / 3), how, value }));
    return;
  }
  switch (how) {
    case 'drop':
      if (Array.isArray(container)) container.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
      return;
    case 'rename':
      // A list gets no other index: it would be as long as that is high.
      if (Array.isArray(container)) return;
      Reflect.deleteProperty(holder, key);
      put(holder, textOf(value), old);
      return;
    case 'splice':
      put(holder, key, typeof old === 'string' ? spliced(old, at, textOf(value)) : value);
      return;
    case 'repeat':
      put(
        holder,
        key,
        typeof old === 'string' ? old.repeat(2 + (at % 200)) : Array.from({ length: 2 + (at % 8) }, () => old),
      );
      return;
    case 'nest':
      put(holder, key, { [textOf(value)]: [old] });
      return;
    case 'replace':
      put(holder, key, value);
  }
}

/** As JSON.parse() does it: `__proto__` is a key like any other. */
function put(holder: object, key: string | number, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function spliced(text: string, at: number, by: string): string {
  const start = at % (text.length + 1);
  return text.slice(0, start) + by + text.slice(start + (at % 3));
}

function parsed(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
