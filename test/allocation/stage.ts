import type { ReadyOptions } from '../../webhook/context/readyReservations.ts';
import { ApiFront } from './apiFront.ts';
import { ComparedApi } from './comparedApi.ts';
import type { History } from './history.ts';
import { Model } from './model.ts';
import { ObjectStore } from './objectStore.ts';
import { Operations } from './operations.ts';
import { RealApi } from './realApi.ts';
import { RealServer } from './realServer.ts';
import { nodeNames, type Setting, startSetting } from './setting.ts';
import { Site } from './site.ts';

/** Where the histories of a suite are played, one after another. */
export interface Stage {
  /** Requests answered so far. */
  readonly answered: number;
  /**
   * Plays one history, from an empty API server on.
   * @param random seed of what is random in the processes
   * @param ready how many reservations the webhooks make before there are pods for them. Default: none, so that each pod has one record
   */
  play(
    random: number,
    scene: (history: History, model: Model) => Promise<void>,
    ready?: Partial<ReadyOptions>,
  ): Promise<void>;
}

/** Sets up a stage before a suite's first test: on the stub alone, or on a real API server, which is compared with it. */
export function useStage(kind: 'stub' | 'real'): Stage {
  let setting: Setting;
  let front: ApiFront;
  let server: string;
  let real: RealServer | undefined;

  before(async function () {
    // The first run of all builds the API server.
    this.timeout(900_000);
    if (kind === 'real') real = await RealServer.start();
    setting = await startSetting();
    front = new ApiFront(new ObjectStore());
    server = await front.start();
  });

  after(async () => {
    await front.stop();
    await setting.stop();
    await real?.stop();
  });

  return {
    get answered() {
      return front.answered;
    },
    async play(random, scene, ready = { most: 0 }) {
      await real?.clear();
      const backend = real ? new ComparedApi(new RealApi(real)) : new ObjectStore();
      const site = new Site({ front, server, backend, setting }, random, ready);
      const model = new Model(nodeNames);
      try {
        await site.start();
        await scene({ site, operations: new Operations(site, model) }, model);
      } finally {
        await site.stop();
      }
    },
  };
}
