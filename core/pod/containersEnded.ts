/** What a pod's status tells of its containers. */
export interface ContainerStates {
  containerStatuses?: readonly { state?: { terminated?: object } }[];
  /** Sidecars among them run on, and end last (KEP-753). */
  initContainerStatuses?: readonly { state?: { running?: object } }[];
}

/** Whether all containers have ended; false where nothing is told of any. */
export function containersEnded({ containerStatuses = [], initContainerStatuses = [] }: ContainerStates): boolean {
  return (
    containerStatuses.length > 0 &&
    containerStatuses.every(({ state }) => state?.terminated !== undefined) &&
    !initContainerStatuses.some(({ state }) => state?.running !== undefined)
  );
}
