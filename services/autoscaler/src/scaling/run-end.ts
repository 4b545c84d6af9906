import type { WorkloadEvent, WorkloadState } from '../workloads.ts';

/**
 * Remembers that a run has ended, after its optimizer is scaled to zero: records left in the topics must not start it again.
 * Recorded on the optimizer's workload with a digest of the pod template, because another configuration is another run.
 */

const RUN_ENDED = 'alphapo.dev/run-ended';

/** Whether the run of the present configuration is noted to have ended. */
export function isRunEnded({ annotations, templateDigest }: WorkloadState): boolean {
  return annotations[RUN_ENDED] === templateDigest;
}

/** The annotations that note it. */
export function runEndedNote({ templateDigest }: WorkloadState): Readonly<Record<string, string>> {
  return { [RUN_ENDED]: templateDigest };
}

/** The annotations that take the note back: an optimizer of the same configuration has work after all. */
export const NO_RUN_ENDED_NOTE: Readonly<Record<string, null>> = { [RUN_ENDED]: null };

/** Tells the end of a run. `message`: why it has fewer steps than planned, as the optimizer says it; empty where it has all. */
export function runEndedEvent(message: string): WorkloadEvent {
  if (message === '') return { type: 'Normal', reason: 'RunEnded', message: 'all steps of the run are taken' };
  return { type: 'Warning', reason: 'RunEndedEarly', message };
}
