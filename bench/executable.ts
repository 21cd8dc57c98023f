import { readFile, writeFile } from 'node:fs/promises';
import { buildCni } from '../build/buildCni.ts';
import { encodeAnswer } from '../core/cni/wire.ts';
import { Program } from '../test/agent/programs.ts';
import { type Reporter, runBenchmark } from './frame.ts';
import { compileNative } from './support/compile.ts';
import { Folder } from './support/folder.ts';
import { type Launch, Launcher } from './support/launcher.ts';
import { alternate, median } from './support/samples.ts';

const rounds = 300;
const burstRounds = 10;
const burst = 50;
const goal = { of: 'ratio', atMost: 2 } as const;

/** About as long as those of a network with 8 NICs. */
const config = {
  cniVersion: '1.0.0',
  name: 'train-net',
  type: 'multi-nic',
  args: { cni: { nics: 8, 'multinic.fms.io/attachments': Array.from({ length: 8 }, (_, i) => nicOf(i)) } },
};
const result = {
  cniVersion: '1.0.0',
  interfaces: Array.from({ length: 8 }, (_, i) => ({ name: `net1-${i}`, mac: `02:00:00:00:00:0${i}`, sandbox: '/x' })),
  ips: Array.from({ length: 8 }, (_, i) => ({ address: `10.200.${32 * i}.5/19`, interface: i })),
};

function nicOf(i: number) {
  return { master: `eth${i + 1}`, netAddress: `172.20.${i + 1}.0/24`, addresses: [`10.200.${32 * i}.5/19`] };
}

async function run(report: Reporter): Promise<void> {
  const [ours, c, answer] = await Promise.all([buildCni(), compileNative('exchange'), compileNative('answer')]);
  await using folder = await Folder.make();
  await writeFile(folder.file('config.json'), JSON.stringify(config));
  await writeFile(folder.file('answer.json'), encodeAnswer(0, `${JSON.stringify(result, null, 2)}\n`));
  const socket = folder.file('cni.sock');
  await using agent = new Program(['setpriv', '--pdeathsig', 'KILL', answer, socket, folder.file('answer.json')]);
  await agent.firstOutput();
  await using launcher = await Launcher.start();

  const launch = (program: string, output?: string): Launch => ({
    argv: [program],
    env: {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'c0ffee'.repeat(10),
      CNI_NETNS: '/run/netns/some-pod',
      CNI_IFNAME: 'net1',
      CNI_ARGS: 'IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=some-pod',
      CNI_PATH: '/opt/cni/bin',
      MULTI_NIC_SOCKET: socket,
    },
    input: folder.file('config.json'),
    ...(output !== undefined && { output }),
  });
  await launcher.run([launch(ours, folder.file('ours')), launch(c, folder.file('c'))]);
  const printed = await Promise.all(['ours', 'c'].map(name => readFile(folder.file(name), 'utf8')));
  if (printed[0] !== printed[1]) throw new Error(`the programs differ:\n${printed.join('\n')}`);

  const against = 'static C';
  const cpu = { ours: [] as number[], c: [] as number[] };
  const sample = (name: 'ours' | 'c') => async (): Promise<number> => {
    const { ms, cpuMs } = await launcher.run([launch(name === 'ours' ? ours : c)]);
    cpu[name].push(cpuMs);
    return ms;
  };
  const one = await alternate(rounds, { ours: sample('ours'), c: sample('c') }, 10);
  report('one call', { value: median(one.ours), unit: 'ms', baseline: median(one.c), against, goal });
  report('one call, CPU', { value: median(cpu.ours), unit: 'ms', baseline: median(cpu.c), against });
  const many = await alternate(burstRounds, {
    ours: async () => (await launcher.run(Array<Launch>(burst).fill(launch(ours)), 'parallel')).ms,
    c: async () => (await launcher.run(Array<Launch>(burst).fill(launch(c)), 'parallel')).ms,
  });
  report(`${burst} calls at once`, { value: median(many.ours), unit: 'ms', baseline: median(many.c), against, goal });
}

await runBenchmark({
  name: 'executable',
  about: 'the CNI executable, from its start to its end, against a C program that has the same exchange with the agent',
  limitSeconds: 300,
  run,
});
