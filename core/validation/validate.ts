import type { MultiNicNetwork } from '../api/types.ts';
import type { Finding } from '../network/finding.ts';
import { readDraft } from './draft.ts';
import { validateChain } from './validateChain.ts';
import { validateIpamKeys } from './validateIpamKeys.ts';
import { validateExcludes, validateLayout } from './validateLayout.ts';
import { validateFinalizers, validateName } from './validateMetadata.ts';
import { validateIpamFlag, validateMode } from './validateMode.ts';
import { validateOtherIpam } from './validateOtherIpam.ts';
import { validatePlugin } from './validatePlugin.ts';
import { validatePolicy } from './validatePolicy.ts';
import { validateRoutes } from './validateRoutes.ts';
import { validateMasterNets, validateSubnet } from './validateSubnets.ts';

/**
 * Everything that can be said of a MultiNicNetwork without looking at other objects, so also without a cluster. An object that the
 * CustomResourceDefinition's schema accepts never makes it throw.
 */
export function validateSpecification(object: MultiNicNetwork): Finding[] {
  const draft = readDraft(object);
  return [
    ...validateName(draft),
    ...validateFinalizers(object),
    ...draft.ipamFindings,
    ...validateIpamKeys(draft),
    ...validateSubnet(draft),
    ...validateMasterNets(draft),
    ...validateExcludes(draft),
    ...validateLayout(draft),
    ...validateIpamFlag(draft),
    ...validateMode(draft),
    ...validateOtherIpam(draft),
    ...validatePlugin(draft),
    ...validateChain(draft),
    ...validatePolicy(draft),
    ...validateRoutes(draft),
  ];
}
