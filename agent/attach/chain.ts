import { type CniResult, resultDocument } from '../../core/cni/result.ts';
import { type CniVersion, isSupportedVersion, newestVersion } from '../../core/cni/versions.ts';
import type { OnStep } from '../base/steps.ts';
import type { AddCall } from '../delegate/delegates.ts';
import type { Attachment, AttachmentNic } from './attachment.ts';
import { withAnswered, withFollowing } from './entries.ts';
import type { EntryWriter } from './entryWriter.ts';

/** How plugins that follow are called. */
export interface ChainCalls {
  readonly entry: EntryWriter;
  /** What has been made of a NIC. */
  readonly resultOf: (nic: AttachmentNic) => CniResult;
  readonly add: AddCall;
  readonly onStep: OnStep;
}

/**
 * Calls the plugins that follow, NIC by NIC: each gets the result of the one before (CNI 1.1, section 3 "Lifecycle & Ordering"), the first one what the
 * runtime would be told if the NIC were the only one.
 * @throws CniError of a plugin
 */
export async function callChains(
  { containerId, netns, nics, call }: Attachment,
  { entry, resultOf, add, onStep }: ChainCalls,
): Promise<void> {
  for (const nic of nics) {
    const { name, chain = [] } = nic;
    let prevResult: Record<string, unknown> | undefined;
    for (const delegate of chain) {
      prevResult ??= resultDocument(resultOf(nic), versionOf(delegate.conf.cniVersion));
      await entry.put(withFollowing(entry.current, name, delegate), 'add.chain.noted');
      const { printed } = await add(delegate, { containerId, netns, ifname: name, ...call }, prevResult);
      onStep('add.chain.called');
      entry.current = withAnswered(entry.current, name, printed);
      prevResult = printed;
    }
  }
}

function versionOf(text: string): CniVersion {
  return isSupportedVersion(text) ? text : newestVersion;
}
