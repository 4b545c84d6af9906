import type { WorkloadState } from '../workloads.ts';

/**
 * Marks of calls on a workload: each activator records in its own annotation when it last had calls and how many. The
 * leader reads all of them, so calls count wherever they arrive.
 */

const PREFIX = 'alphapo.dev/last-call.';
/** Kubernetes' limit for the part of an annotation's name behind the slash. */
const LONGEST_NAME = 63;

/** How often an activator writes its mark while it has calls, in milliseconds. */
export const MARK_EVERY_MS = 10_000;
/** A mark that is older says nothing of the present: the activator would have renewed it. */
const FRESH_MS = 2 * MARK_EVERY_MS;
/** Marks of activators that are long gone are removed. */
const FORGOTTEN_MS = 60 * 60_000;

/** The annotation of an activator, by the name of its pod; the end of a long name, which is what tells pods apart. */
export function markName(pod: string): string {
  const room = LONGEST_NAME - (PREFIX.length - PREFIX.indexOf('/') - 1);
  return PREFIX + pod.slice(-room).replace(/^[^a-z0-9]+/i, '');
}

export function markValue(calls: number, nowMs: number): string {
  return `${new Date(nowMs).toISOString()} ${calls}`;
}

interface Mark {
  readonly name: string;
  readonly atMs: number;
  readonly calls: number;
}

function marksOf({ annotations }: Pick<WorkloadState, 'annotations'>): readonly Mark[] {
  return Object.entries(annotations).flatMap(([name, value]) => {
    if (!name.startsWith(PREFIX)) return [];
    const [at = '', calls = ''] = value.split(' ');
    return [{ name, atMs: Date.parse(at) || 0, calls: Number(calls) || 0 }];
  });
}

/** Calls that all activators have now. */
export function markedCalls(state: Pick<WorkloadState, 'annotations'>, nowMs: number): number {
  return marksOf(state)
    .filter(({ atMs }) => Math.abs(nowMs - atMs) < FRESH_MS)
    .reduce((sum, { calls }) => sum + calls, 0);
}

/** Annotations of activators that are gone. */
export function forgottenMarks(state: Pick<WorkloadState, 'annotations'>, nowMs: number): readonly string[] {
  return marksOf(state).flatMap(({ name, atMs }) => (nowMs - atMs > FORGOTTEN_MS ? [name] : []));
}
