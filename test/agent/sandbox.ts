import { expect } from 'chai';
import { type NetConf, netConfOf } from '../../core/nad/netAttachDef.ts';
import { readNetwork } from '../../core/network/network.ts';
import { multiNicNetworks, type Pod } from '../../kube/api/resources.ts';
import type { Ending } from '../cni/program.ts';
import type { Host } from './host.ts';
import { Namespace } from './namespaces.ts';
import type { Site } from './site.ts';

/** A CNI result as it is printed, as far as the tests look at it. */
export interface PrintedResult {
  readonly cniVersion: string;
  readonly interfaces: { name: string; mac: string; sandbox?: string; mtu?: number }[];
  readonly ips: { address: string; interface: number; gateway?: string; version?: string }[];
  readonly routes: { dst: string; gw?: string }[];
  readonly dns: object;
}

export interface PrintedError {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details: string;
}

let counter = 0;

/** A pod's sandbox on a host, as a runtime has it: a container id and a network namespace; and the calls for it. */
export class Sandbox implements Disposable {
  readonly host: Host;
  readonly pod: Pod;
  readonly containerId: string;
  readonly namespace = new Namespace('pod');

  constructor(host: Host, pod: Pod) {
    this.host = host;
    this.pod = pod;
    this.containerId = `${(counter++).toString(16).padStart(4, '0')}${'c0ffee'.repeat(10)}`;
  }

  /** A pod with a sandbox. */
  static async make(site: Site, host: Host, name: string, annotations: Record<string, string> = {}): Promise<Sandbox> {
    return new Sandbox(host, await site.addPod(host, name, annotations));
  }

  call(command: string, config: object, over: { netns?: string; ifname?: string } = {}): Promise<Ending> {
    const { containerId, pod } = this;
    return this.host.cni({ command, containerId, netns: this.namespace.path, pod, config, ...over });
  }

  async add(config: object, ifname?: string): Promise<PrintedResult> {
    return resultOf(await this.call('ADD', config, ifname === undefined ? {} : { ifname }));
  }

  async check(config: object, prevResult: object): Promise<Ending> {
    return this.call('CHECK', { ...config, cniVersion: '1.0.0', prevResult });
  }

  async del(config: object): Promise<void> {
    const ending = await this.call('DEL', config);
    expect(ending, ending.stdout).to.include({ exitCode: 0, stdout: '' });
  }

  /** Names of the links inside, the loopback apart. */
  links(): string[] {
    return linkNames(this.namespace).filter(name => name !== 'lo');
  }

  [Symbol.dispose](): void {
    this.namespace[Symbol.dispose]();
  }
}

export function linkNames(namespace: Namespace): string[] {
  return (JSON.parse(namespace.ip('-j', 'link')) as { ifname: string }[]).map(({ ifname }) => ifname);
}

export function resultOf(ending: Ending): PrintedResult {
  expect(ending.exitCode, ending.stdout).to.equal(0);
  return JSON.parse(ending.stdout) as PrintedResult;
}

export function errorOf(ending: Ending): PrintedError {
  expect(ending.exitCode, ending.stdout).not.to.equal(0);
  return JSON.parse(ending.stdout) as PrintedError;
}

/** The network's configuration as its NetworkAttachmentDefinition has it, with what Multus adds for a selection element. */
export async function multusConfig(
  site: Site,
  network: string,
  element: { cniArgs?: object; runtimeConfig?: object } = {},
): Promise<NetConf & Record<string, unknown>> {
  const object = await site.client.get(multiNicNetworks, { name: network });
  const { cniArgs, runtimeConfig } = element;
  return {
    ...netConfOf(readNetwork(object)),
    ...(cniArgs && { args: { cni: cniArgs } }),
    ...(runtimeConfig && { runtimeConfig }),
  };
}
