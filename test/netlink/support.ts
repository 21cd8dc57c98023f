import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { IpNetlink } from '../../agent/netlink/ip/ipNetlink.ts';
import { KoffiNetlink } from '../../agent/netlink/koffiNetlink.ts';
import type { Netlink, NetlinkBackend, RouteType, Scope } from '../../agent/netlink/netlink.ts';

/** A fresh network namespace, removed with `await using` or `using`. */
export class TestNamespace implements Disposable {
  readonly name = `nltest-${randomBytes(4).toString('hex')}`;
  readonly path = `/run/netns/${this.name}`;

  constructor() {
    run('ip', ['netns', 'add', this.name]);
  }

  [Symbol.dispose](): void {
    run('ip', ['netns', 'del', this.name]);
  }

  /** `ip -n NAME …`. */
  ip(...args: string[]): string {
    return run('ip', ['-n', this.name, ...args]);
  }

  /** What `ip -j -d` says: the oracle that this layer is compared with. */
  json<T>(...args: string[]): T[] {
    const text = this.ip('-j', '-d', ...args);
    return text.trim() === '' ? [] : (JSON.parse(text) as T[]);
  }

  exec(command: string, ...args: string[]): string {
    return run('ip', ['netns', 'exec', this.name, command, ...args]);
  }

  /** Runs a shell script in here until it is disposed of. */
  keepRunning(script: string): AsyncDisposable {
    const child = spawn('ip', ['netns', 'exec', this.name, 'sh', '-c', script], { stdio: 'ignore' });
    return {
      async [Symbol.asyncDispose]() {
        child.kill('SIGKILL');
        await once(child, 'exit');
      },
    };
  }
}

// What iproute2 prints, as far as the tests look at it.

export interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly altnames?: string[];
  readonly ifalias?: string;
  readonly address?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly link?: string;
  readonly link_index?: number;
  readonly link_netnsid?: number;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_slave_kind?: string;
    readonly info_data?: { readonly mode?: string };
  };
  readonly addr_info?: readonly {
    readonly family: 'inet' | 'inet6';
    readonly local: string;
    readonly address?: string;
    readonly prefixlen: number;
    readonly scope: Scope;
  }[];
}

export interface IpHop {
  readonly gateway?: string;
  readonly via?: { readonly host: string };
  readonly dev?: string;
  readonly flags?: readonly string[];
  readonly weight?: number;
}

export interface IpRoute extends IpHop {
  readonly dst: string;
  readonly table?: string;
  readonly type: RouteType;
  readonly metric?: number;
  readonly scope?: Scope;
  readonly prefsrc?: string;
  readonly metrics?: readonly { readonly mtu?: number; readonly advmss?: number }[];
  readonly nexthops?: readonly IpHop[];
}

export interface IpRule {
  readonly priority: number;
  readonly protocol?: string;
}

export interface IpNeighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
}

export function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export interface Fixture {
  readonly backend: NetlinkBackend;
  netlink: Netlink;
  namespace(): TestNamespace;
}

const backends = { koffi: () => new KoffiNetlink(), ip: () => new IpNetlink() };

/** The same suite for each implementation of Netlink. */
export function describeEach(title: string, define: (test: Fixture) => void): void {
  for (const backend of ['koffi', 'ip'] as const) {
    describe(`${title} (${backend})`, () => {
      define(fixture(backend));
    });
  }
}

/** Namespaces and a Netlink for each test of a suite, taken away after it also when it fails. */
export function fixture(backend: NetlinkBackend): Fixture {
  let stack = new AsyncDisposableStack();
  const context = {
    backend,
    netlink: undefined as unknown as Netlink,
    namespace: (): TestNamespace => stack.use(new TestNamespace()),
  };
  before(function () {
    if (process.getuid?.() !== 0) {
      console.log('      skipped: network namespaces need root');
      this.skip();
    }
  });
  beforeEach(() => {
    stack = new AsyncDisposableStack();
    context.netlink = stack.use(backends[backend]());
  });
  afterEach(() => stack.disposeAsync());
  return context;
}

/** Ends the title of a test that this kernel cannot run, but test/uml/links.test.ts does. */
export const coveredInUml = '(covered in User-Mode Linux)';

/** Skips the test, and says so, where the running kernel has no links of that kind. */
export function needsKind(test: Mocha.Context, kind: string): void {
  if (hasKind(kind)) return;
  sayLacking([kind]);
  if (test.test) test.test.title += ` ${coveredInUml}`;
  test.skip();
}

/** The same for all tests of a suite, in its `before`. */
export function suiteNeedsKinds(hook: Mocha.Context, ...kinds: readonly string[]): void {
  const lacking = kinds.filter(kind => !hasKind(kind));
  if (lacking.length === 0) return;
  sayLacking(lacking);
  hook.test?.parent?.eachTest(test => {
    test.title += ` ${coveredInUml}`;
  });
  hook.skip();
}

function sayLacking(kinds: readonly string[]): void {
  const kernel = run('uname', ['-r']).trim();
  console.log(`      skipped: this kernel (${kernel}) has no link type ${kinds.join(', ')}`);
}

/** Whether the running kernel has links of that kind. */
function hasKind(kind: string): boolean {
  using namespace = new TestNamespace();
  try {
    const parent = ['ipvlan', 'macvlan', 'vlan'].includes(kind);
    if (parent) namespace.ip('link', 'add', 'p0', 'type', 'veth', 'peer', 'name', 'p1');
    const rest = { ipvlan: ['mode', 'l2'], vlan: ['id', '5'], vrf: ['table', '9'] }[kind] ?? [];
    namespace.ip('link', 'add', ...(parent ? ['link', 'p0'] : []), 'name', 'probe', 'type', kind, ...rest);
    return true;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    if (!/Unknown device type|Operation not supported/.test(stderr ?? '')) throw error;
    return false;
  }
}

/** Awaits a rejection and returns what it was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}
