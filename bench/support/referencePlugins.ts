import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDebianPrograms } from '../../test/cluster/debianPrograms.ts';
import type { Folder } from './folder.ts';
import type { Launch } from './launcher.ts';

/** A NIC that a pod is to get: the same for ours and for the reference plugin. */
export interface WantedNic {
  readonly name: string;
  readonly master: string;
  /** With prefix length. */
  readonly address: string;
}

/** The reference plugins (containernetworking/plugins, Debian's build) with static IPAM: one process per NIC and call, and one of its IPAM. */
export class ReferencePlugins {
  readonly #plugins: string;
  readonly #folder: Folder;

  private constructor(plugins: string, folder: Folder) {
    this.#plugins = plugins;
    this.#folder = folder;
  }

  static async find(folder: Folder): Promise<ReferencePlugins> {
    return new ReferencePlugins(join(await ensureDebianPrograms(), 'usr/lib/cni'), folder);
  }

  /** The calls, one per NIC, that give a pod its NICs (ADD) or take them away (DEL). */
  async calls(command: 'ADD' | 'DEL', type: string, pod: Pod, nics: readonly WantedNic[]): Promise<Launch[]> {
    return Promise.all(nics.map(nic => this.#call(command, type, pod, nic)));
  }

  async #call(command: string, type: string, { containerId, netns }: Pod, nic: WantedNic): Promise<Launch> {
    const input = this.#folder.file(`${type}-${nic.master}-${nic.address.replace('/', '-')}.json`);
    await writeFile(input, JSON.stringify(configOf(type, nic)));
    return {
      argv: [join(this.#plugins, type)],
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_NETNS: netns,
        CNI_IFNAME: nic.name,
        CNI_ARGS: '',
        CNI_PATH: this.#plugins,
      },
      input,
      output: this.#folder.file('reference.out'),
    };
  }
}

interface Pod {
  readonly containerId: string;
  readonly netns: string;
}

function configOf(type: string, { master, address }: WantedNic): object {
  // ptp routes by way of a gateway, which it gives to the host's end; two NICs of a pod cannot have the same one.
  const gateway = type === 'ptp' ? { gateway: `169.254.1.${Number(/\d+$/.exec(master)?.[0] ?? 0) + 1}` } : {};
  return {
    cniVersion: '0.4.0',
    name: `reference-${master}`,
    type,
    ...(type === 'macvlan' && { master, mode: 'bridge' }),
    ...(type === 'ipvlan' && { master, mode: 'l2' }),
    ipam: { type: 'static', addresses: [{ address, ...gateway }] },
  };
}
