import type { Node } from './resources.ts';

type NodeCondition = NonNullable<NonNullable<Node['status']>['conditions']>[number];

/** What a node's kubelet says of itself; `Unknown` where it is not heard any more. */
export function readyCondition({ status }: Node): NodeCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

export function isReady(node: Node): boolean {
  return readyCondition(node)?.status === 'True';
}
