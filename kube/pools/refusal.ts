import { MultiNicError } from '../../core/errors.ts';
import type { allocate } from '../../core/pool/allocate.ts';
import { pageSize } from '../../core/pool/pages.ts';
import { PoolFullError } from './poolFull.ts';
import type { PoolRef } from './poolRef.ts';

/** Why an allocation was not granted, for the pod's author. */
export function refusal(
  { name, spec }: PoolRef,
  grant: Exclude<ReturnType<typeof allocate>, { ok: true }>,
): MultiNicError {
  const where = `network ${spec.network}${spec.hostName === undefined ? '' : ` on node ${spec.hostName}`}`;
  switch (grant.reason) {
    case 'full':
      return new PoolFullError(spec.network, `${where}: no address is left in ${grant.block} (ippool ${name})`);
    case 'taken':
      return new MultiNicError(
        'MNN_ADDRESS_TAKEN',
        `${where}: ${grant.address} belongs to another pod (ippool ${name})`,
      );
    case 'outside':
      return new MultiNicError(
        'MNN_ADDRESS_OUTSIDE',
        `${where}: ${grant.address} is not a usable address of ${grant.block}`,
      );
    case 'otherPage':
      return new MultiNicError(
        'MNN_ADDRESS_OUTSIDE',
        `${where}: ${grant.address} is not in page ${spec.page} of ${grant.block}, as the pod's other addresses are in theirs: all must lie in the same ${pageSize} addresses of their blocks`,
      );
  }
}
