import { ApiFront } from './apiFront.ts';
import type { History } from './history.ts';
import { Model } from './model.ts';
import { ObjectStore } from './objectStore.ts';
import { Operations } from './operations.ts';
import { nodeNames, startSetting, type Setting } from './setting.ts';
import { Site } from './site.ts';

/** Where the histories of a suite are played, one after another. */
export interface Stage {
  /** Requests answered so far. */
  readonly answered: number;
  /** Plays one history, from an empty API server on. @param random seed of what is random in the processes */
  play(random: number, scene: (history: History, model: Model) => Promise<void>): Promise<void>;
}

/** Sets up a stage before a suite's first test. */
export function useStage(): Stage {
  let setting: Setting;
  let front: ApiFront;
  let server: string;

  before(async () => {
    setting = await startSetting();
    front = new ApiFront(new ObjectStore());
    server = await front.start();
  });

  after(async () => {
    await front.stop();
    await setting.stop();
  });

  return {
    get answered() {
      return front.answered;
    },
    async play(random, scene) {
      const site = new Site({ front, server, backend: new ObjectStore(), setting }, random);
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
