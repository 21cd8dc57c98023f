import { isMultiNicError } from '../../core/errors.ts';
import { layoutProblem } from '../../core/status/layoutProblem.ts';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';

/** A network as the reconcilers see it: `gone`, `unusable` with the finding, or usable. */
export type Readable =
  { kind: 'gone' } | { kind: 'unusable'; finding: string } | { kind: 'usable'; known: KnownNetwork };

/** Reads a network from the view. One that is being deleted counts as gone. */
export function readableNetwork(view: ClusterView, name: string): Readable {
  try {
    const known = view.network(name);
    if (!known || known.object.metadata.deletionTimestamp !== undefined) return { kind: 'gone' };
    view.mustBeAlone(known);
    const problem = layoutProblem(known.state.network);
    return problem === undefined ? { kind: 'usable', known } : { kind: 'unusable', finding: problem };
  } catch (error) {
    if (!isMultiNicError(error)) throw error;
    return { kind: 'unusable', finding: error.message };
  }
}
