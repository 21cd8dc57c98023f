import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { readCall } from '../../core/cni/call.ts';
import { readConfig } from '../../core/cni/config.ts';
import type { CniContext } from './context.ts';
import { status } from './status.ts';

const call = readCall({ CNI_COMMAND: 'STATUS' });
const chained = readConfig('{"cniVersion":"1.1.0","name":"primary","type":"multi-nic","mode":"chained"}');

describe('STATUS', () => {
  it('waits for an agent that is reading its objects, or its start would make the node unready', async () => {
    let isRead = false;
    const synced = setTimeout(50).then(() => (isRead = true));
    const context = { view: { synced: () => isRead }, synced } as unknown as CniContext;
    expect(await status(context, call, chained)).to.equal('');
  });
});
