import { MultiNicError } from '../../core/errors.ts';

/** A network has no address left to give. */
export class PoolFullError extends MultiNicError {
  readonly network: string;

  constructor(network: string, detail: string) {
    super('MNN_POOL_FULL', detail);
    this.network = network;
  }
}
