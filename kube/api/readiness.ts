import type { Node } from './resources.ts';

type NodeCondition = NonNullable<NonNullable<Node['status']>['conditions']>[number];

/** The Ready condition that the node's kubelet reports; `Unknown` when it is no longer heard. */
export function readyCondition({ status }: Node): NodeCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

/** Whether the node says that it is ready. */
export function isReady(node: Node): boolean {
  return readyCondition(node)?.status === 'True';
}
