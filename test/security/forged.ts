import { expect } from 'chai';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { errorOf, type PrintedResult, type Sandbox } from '../agent/sandbox.ts';
import type { Site } from '../agent/site.ts';

/** The addresses of a result, without prefix lengths. */
export function plain({ ips }: PrintedResult): string[] {
  return ips.map(({ address }) => withoutPrefix(address));
}

/** The addresses that the pod's record has. */
export async function heldAddresses(site: Site, network: string, pod: string): Promise<string[] | undefined> {
  const record = await site.recordOf(network, pod);
  return record?.nics.flatMap(({ addresses }) => addresses.map(withoutPrefix));
}

/** Code of the table that an ADD is refused with, which has made nothing. */
export async function refused(
  sandbox: Sandbox,
  config: object,
  over: { ifname?: string } = {},
): Promise<string | undefined> {
  const { details } = errorOf(await sandbox.call('ADD', config, over));
  expect(sandbox.links()).to.deep.equal([]);
  return /^MNN_\w+/.exec(details)?.[0];
}
