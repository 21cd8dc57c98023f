import { type Finding, warning } from '../network/finding.ts';
import { strangeKeys } from '../network/ipam.ts';
import type { Draft } from './draft.ts';

/** How many keys are reported. */
const shownKeys = 5;

/** A misspelt key would change nothing, and addresses that are to be left out would be given to pods. Other plugins' keys are their own. */
export function validateIpamKeys({ ipam, ownAddresses }: Draft): Finding[] {
  if (!ipam || !ownAddresses) return [];
  return strangeKeys(ipam)
    .slice(0, shownKeys)
    .map(key =>
      warning(
        'MNN_IPAM_INVALID',
        'spec.ipam',
        `${JSON.stringify(key)} is not a key of multi-nic-ipam and has no effect`,
      ),
    );
}
