import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import type { Delegate } from '../../core/delegate/delegate.ts';
import { attachFailure } from '../attach/attachFailure.ts';
import type { Attachment } from '../attach/attachment.ts';
import { Detacher } from '../attach/detacher.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type CheckpointEntry, checkpointVersion } from '../checkpoint/entry.ts';
import { openNetlink } from '../netlink/open.ts';
import { type DelegateCall, type DelegateResult, Delegates } from './delegates.ts';
import { PluginHung } from './pluginError.ts';

const delegate: Delegate = {
  role: 'ipam',
  conf: { cniVersion: '1.0.0', name: 'n', type: 'hung', ipam: { type: 'hung' } },
};
const call = { containerId: 'c', netns: '', ifname: 'net1-0', args: '', path: '' };

const silent = pino({ enabled: false });

/** Notes of each DEL whether the plugin was known to have hung. */
class Watched extends Delegates {
  readonly hasHung: boolean[] = [];

  override del(...call: Parameters<Delegates['del']>): Promise<void> {
    this.hasHung.push(call[2].hasHung);
    return super.del(...call);
  }
}

describe('a plugin that hangs', function () {
  this.timeout(20_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-plugin-'));
    await writeFile(join(folder, 'hung'), '#!/bin/sh\nsleep 100\n', { mode: 0o755 });
  });
  after(() => rm(folder, { recursive: true }));

  const failureOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('is named where it has kept an ADD until its end', async () => {
    const signal = AbortSignal.timeout(200);
    const failure = await failureOf(new Delegates([folder]).inTurn('n', signal, add => add(delegate, call)));
    const answer = attachFailure({ network: 'n', netns: '', nics: [] } as unknown as Attachment, failure, signal);
    expect(answer.code).to.equal(11);
    expect(answer.message).to.equal(`plugin ${folder}/hung, ADD: it was ended, as the call took too long`);
  });

  it('is waited for once: the executable does not wait as long as for each of many NICs', async () => {
    const checkpoint = await Checkpoint.open(folder, silent);
    const delegates = new Watched([folder], { DEL: 300 });
    const netlink = await openNetlink();
    const detacher = new Detacher({
      netlink,
      checkpoint,
      delegates,
      sysfs: '',
      logger: silent,
      onStep: () => undefined,
    });
    const links = ['net1-0', 'net1-1'].map(name => ({ name, addresses: [], routes: [], delegate }));
    const entry: CheckpointEntry = {
      ...{ version: checkpointVersion, state: 'intent', containerId: 'c', ifname: 'net1', callIfname: 'net1' },
      ...{ configName: 'n', netns: '', netnsId: 'gone', network: 'n', type: 'ipvlan', since: '' },
      ...{ pod: { uid: 'u', namespace: 'ns', name: 'p' }, links },
    };
    expect(await failureOf(detacher.detach(entry))).to.be.instanceOf(PluginHung);
    expect(delegates.hasHung).to.deep.equal([false, true]);
    const failedAdd = new PluginHung(11, '', '');
    const single = { ...entry, links: links.slice(1) };
    expect(await failureOf(detacher.detach(single, failedAdd))).to.be.instanceOf(PluginHung);
    expect(delegates.hasHung).to.deep.equal([false, true, true]);
  });

  it('has two seconds for DEL where it has hung just now', async () => {
    const delegates = new Delegates([folder], { DEL: 3_000 });
    const limit = async (hasHung: boolean): Promise<string> =>
      String(await failureOf(delegates.del(delegate, call, { hasHung })));
    const [patient, impatient] = await Promise.all([limit(false), limit(true)]);
    expect(patient).to.contain('it was ended, as it took 3000 ms');
    expect(impatient).to.contain('it was ended, as it took 2000 ms');
  });
});

it('a plugin that follows gets the result before it, and no hardware address that a pod’s author wrote into CNI_ARGS', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'multi-nic-plugin-'));
  const script = '#!/bin/sh\nprintf \'{"args":"%s","conf":%s}\' "$CNI_ARGS" "$(cat)"\n';
  await writeFile(join(folder, 'follower'), script, { mode: 0o755 });
  const asked = { ...call, args: 'IgnoreUnknown=1;MAC=02:00:00:00:00:01;IP=10.0.0.9/24;K8S_POD_NAME=p' };
  const conf = { cniVersion: '1.0.0', name: 'n', type: 'follower' };
  const add = (role: Delegate['role']): Promise<DelegateResult> =>
    new Delegates([folder]).inTurn('n', AbortSignal.timeout(10_000), one =>
      one({ role, conf }, asked, { cniVersion: '1.0.0' }),
    );
  const prevResult = { cniVersion: '1.0.0' };
  const args = 'IgnoreUnknown=1;K8S_POD_NAME=p';
  expect((await add('chained')).printed).to.deep.equal({ args, conf: { ...conf, prevResult } });
  expect((await add('plugin')).printed.args).to.equal(asked.args);
  await rm(folder, { recursive: true });
});

describe('many calls of plugins at once', function () {
  this.timeout(20_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-plugin-'));
    const work = `touch ${folder}/at-work-$$; ls ${folder} | grep -c at-work; sleep 1.5; rm ${folder}/at-work-$$`;
    const script = `#!/bin/sh\ncount=$(${work})\necho '{"ips":[{"address":"10.0.0.'$count'/24"}]}'\n`;
    await writeFile(join(folder, 'counting'), script, { mode: 0o755 });
    await writeFile(join(folder, 'hung'), '#!/bin/sh\nsleep 100\n', { mode: 0o755 });
  });
  after(() => rm(folder, { recursive: true }));

  const of = (type: string): Delegate => ({
    role: 'ipam',
    conf: { cniVersion: '1.0.0', name: type, type, ipam: { type } },
  });
  const many = Array.from({ length: 40 }, (_, i) => ({ ...call, containerId: `c${i}` }));

  const add = (delegates: Delegates, type: string, one: DelegateCall, signal: AbortSignal): Promise<DelegateResult> =>
    delegates.inTurn(type, signal, addCall => addCall(of(type), one));

  it('are a few of one network at a time: their memory is that of the agent’s container, which must not run out of it', async () => {
    const delegates = new Delegates([folder]);
    const answers = await Promise.all(many.map(one => add(delegates, 'counting', one, AbortSignal.timeout(15_000))));
    const counts = answers.map(({ result }) => Number(/(\d+)\/24/.exec(result.ips[0]?.address ?? '')?.[1]));
    expect(Math.max(...counts)).to.be.within(2, 16);
  });

  it('are those for all NICs of a pod before those for the next pods, or none would have all of its NICs in time', async () => {
    const delegates = new Delegates([folder]);
    const order: string[] = [];
    const adds = many.slice(0, 17).map(one =>
      delegates.inTurn('counting', AbortSignal.timeout(15_000), async addCall => {
        for (const ifname of ['net1-0', 'net1-1']) {
          await addCall(of('counting'), { ...one, ifname });
          order.push(`${one.containerId} ${ifname}`);
        }
      }),
    );
    await Promise.all(adds);
    expect(order.slice(-2)).to.deep.equal(['c16 net1-0', 'c16 net1-1']);
  });

  it('of a plugin that hangs hold up no other network, and end with their time, those that wait too', async () => {
    const delegates = new Delegates([folder]);
    const signal = AbortSignal.timeout(5_000);
    const hung = Promise.allSettled(many.map(one => add(delegates, 'hung', one, signal)));
    await add(delegates, 'counting', call, signal);
    const outcomes = await hung;
    expect(outcomes.filter(({ status }) => status === 'rejected')).to.have.length(many.length);
  });

  it('end with their time, and leave the line, also where those before them have more of it', async () => {
    const delegates = new Delegates([folder], { DEL: 4_000 });
    const ended: string[] = [];
    const ends = (command: string, work: Promise<unknown>): Promise<unknown> =>
      work.catch(() => undefined).finally(() => ended.push(command));
    const dels = many.slice(0, 16).map(one => ends('DEL', delegates.del(of('hung'), one, { hasHung: false })));
    await Promise.all([...dels, ends('ADD', add(delegates, 'hung', call, AbortSignal.timeout(200)))]);
    expect(ended[0]).to.equal('ADD');
  });
});
