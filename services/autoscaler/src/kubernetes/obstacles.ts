import type { V1ContainerStatus, V1DeploymentCondition, V1Pod, V1StatefulSetCondition } from '@kubernetes/client-node';
import type { Obstacle } from '../workloads.ts';

/** Reasons of a waiting container that don't go away by waiting. */
const STUCK = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
]);

/** What keeps these pods from running. */
export function obstaclesOf(pods: readonly V1Pod[]): Obstacle[] {
  return pods.flatMap((pod) => {
    const name = pod.metadata?.name ?? '';
    const unscheduled = pod.status?.conditions?.find(
      ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
    );
    if (unscheduled !== undefined) return [{ name, reason: 'Unschedulable', message: unscheduled.message ?? '' }];
    const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    return containers.flatMap((container) => stuck(name, container));
  });
}

function stuck(name: string, { name: container, state, lastState }: V1ContainerStatus): Obstacle[] {
  const { reason = '', message = '' } = state?.waiting ?? {};
  if (!STUCK.has(reason)) return [];
  const said = (lastState?.terminated?.message ?? '').trim().split('\n').at(-1);
  const last = said ? `; its last words: ${said}` : '';
  return [{ name, reason, message: `container ${container}: ${message}${last}` }];
}

/** A workload that may make no pods: a quota, or a rule that its pods break. */
export function refusedPods(
  name: string,
  conditions: readonly (V1DeploymentCondition | V1StatefulSetCondition)[],
): Obstacle[] {
  const failure = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  return failure === undefined
    ? []
    : [{ name, reason: failure.reason ?? failure.type, message: failure.message ?? '' }];
}
