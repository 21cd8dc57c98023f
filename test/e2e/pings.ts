import type { Cluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';

/** Between two packets, seconds: what is away for longer is seen. */
const intervalS = 0.1;

/** The last packets, of a second: on a busy machine their answers may be on the way. */
const unsettled = 10;

/** What a ping goes over. */
export interface PingPath {
  namespace: string;
  pod: string;
  /** The interface that it leaves the pod by. */
  device: string;
  /** Where it goes, without a prefix length. */
  address: string;
}

/** A ping without end, run in a pod that has busybox, and counted packet by packet. It ends with its pod at the latest. */
export class Ping {
  readonly path: PingPath;
  readonly #cluster: Cluster;
  readonly #log: string;

  private constructor(cluster: Cluster, path: PingPath) {
    this.path = path;
    this.#cluster = cluster;
    this.#log = `/ping-${path.device}-${path.address}`;
  }

  /** @returns when the first answer is there */
  static async start(cluster: Cluster, path: PingPath): Promise<Ping> {
    const ping = new Ping(cluster, path);
    const command = `busybox ping -i ${intervalS} -I ${path.device} ${path.address}`;
    await ping.#inPod(`${command} > ${ping.#log} 2>&1 & echo $! > ${ping.#log}.pid`);
    await eventually(`an answer from ${path.address}`, async () => (await ping.answered()).length > 0);
    return ping;
  }

  /** The numbers of the packets that were answered so far, in the order of the answers. */
  async answered(): Promise<number[]> {
    const log = await this.#inPod(`busybox cat ${this.#log}`);
    return [...log.matchAll(/ seq=(\d+) /g)].map(([, number]) => Number(number));
  }

  /**
   * Ends it.
   * @returns the numbers of the packets that were lost, but for those of the last second
   */
  async stop(): Promise<{ sent: number; lost: number[] }> {
    await this.#inPod(`busybox kill -INT $(busybox cat ${this.#log}.pid)`);
    const log = await eventually('the end of the ping', async () => {
      const text = await this.#inPod(`busybox cat ${this.#log}`);
      return text.includes('packets transmitted') && text;
    });
    const sent = Number(/(\d+) packets transmitted/.exec(log)?.[1]);
    const answered = new Set(await this.answered());
    const lost = Array.from({ length: Math.max(0, sent - unsettled) }, (_, number) => number).filter(
      n => !answered.has(n),
    );
    return { sent, lost };
  }

  async #inPod(script: string): Promise<string> {
    return (
      await this.#cluster.kubectl([
        'exec',
        '-n',
        this.path.namespace,
        this.path.pod,
        '--',
        '/bin/busybox',
        'sh',
        '-c',
        script,
      ])
    ).stdout;
  }
}
