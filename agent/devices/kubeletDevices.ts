import type { Logger } from 'pino';
import { MultiNicError } from '../../core/errors.ts';
import { deadline } from '../../kube/api/deadline.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { isSystemError } from '../base/systemErrors.ts';
import type { AssignedDevice } from './assignedDevice.ts';
import { readCheckpoint } from './kubeletCheckpoint.ts';
import { type PodName, podResources } from './podResources.ts';

/** How long the kubelet may take to answer from its memory, ms. */
const answerMs = 2000;

/** Which devices the kubelet has assigned to pods. */
export class KubeletDevices {
  readonly #kubeletDir: string;
  readonly #logger: Logger;

  /** @param kubeletDir for example /var/lib/kubelet */
  constructor(kubeletDir: string, logger: Logger) {
    this.#kubeletDir = kubeletDir;
    this.#logger = logger;
  }

  /**
   * A pod's devices, in the order of inOrder: from the PodResources API, else from the device manager's checkpoint.
   * @throws MultiNicError MNN_KUBELET_DEVICES where neither can be read, or the signal's reason
   */
  async of({ metadata }: Pod, signal: AbortSignal): Promise<AssignedDevice[]> {
    const { namespace = '', name, uid = '' } = metadata;
    const answer = await this.#ask({ namespace, name }, signal);
    if ('devices' in answer) return answer.devices;
    try {
      return await readCheckpoint(this.#kubeletDir, uid);
    } catch (error) {
      const detail = `the devices of pod ${namespace}/${name} are not known: ${answer.why}; ${String(error)}`;
      throw new MultiNicError('MNN_KUBELET_DEVICES', detail, { cause: error });
    }
  }

  /** The devices, or why the API does not say. */
  async #ask(pod: PodName, signal: AbortSignal): Promise<{ devices: AssignedDevice[] } | { why: string }> {
    using limit = deadline(signal, answerMs, 'PodResources of the kubelet');
    try {
      const devices = await podResources(this.#kubeletDir, pod, limit.signal);
      if (devices) return { devices };
      this.#logger.info(pod, 'PodResources does not list the pod: reading the checkpoint');
      return { why: 'PodResources does not list the pod' };
    } catch (error) {
      if (signal.aborted) throw error;
      const isServed = !isSystemError(error, 'ENOENT');
      this.#logger[isServed ? 'warn' : 'debug'](
        { err: error, ...pod },
        'no answer of PodResources: reading the checkpoint',
      );
      return { why: `PodResources: ${String(error)}` };
    }
  }
}
