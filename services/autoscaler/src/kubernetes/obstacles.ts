import { printable } from '@alphapo/base';
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
  const said = lastWords(lastState?.terminated?.message ?? '');
  const last = said === '' ? '' : `; last message: ${said}`;
  return [{ name, reason, message: `container ${container}: ${message}${last}` }];
}

/** What an event has room for beside the rest. */
const LONGEST_WORDS = 400;

/**
 * One line of what a container said at its end: its termination message, or the end of its log. Of an error with a stack that is the message's
 * first line, of an event of the log the error's message.
 */
function lastWords(said: string): string {
  const lines = said.split('\n').map((line) => line.trim());
  const stack = lines.findIndex((line) => STACK_FRAME.test(line));
  const before = (stack < 0 ? lines : lines.slice(0, stack)).filter((line) => line !== '');
  const line = (stack < 0 ? undefined : before.findLast((one) => ERROR_LINE.test(one))) ?? before.at(-1) ?? '';
  const [first = ''] = (messageOfEvent(line) ?? line).split('\n', 1);
  return printable(first, LONGEST_WORDS);
}

const STACK_FRAME = /^at .+(:\d+|<anonymous>|native)\)?$/;
const ERROR_LINE = /^(Uncaught )?\w*(Error|Exception)\b/;

/** The message of an error that a line of the log tells of; undefined where it is none, or cut off. */
function messageOfEvent(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { error } = JSON.parse(line) as { error?: { message?: unknown } };
    return typeof error?.message === 'string' ? error.message : undefined;
  } catch {
    return undefined;
  }
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
