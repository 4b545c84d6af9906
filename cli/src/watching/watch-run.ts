import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import {
  GetStatusResponse,
  messageJson,
  type OptimizerServiceDefinition,
  RunState,
  WatchEvaluationsResponse,
  WatchStepsResponse,
} from '@alphapo/contracts';
import type { CallSettings, Client } from '@alphapo/rpc';
import { Absence } from './absence.ts';

/** What is shown of a run, besides its status. */
export type Watched = 'steps' | 'evaluations';

/** How a run is followed. */
export interface WatchParts {
  readonly optimizer: Client<OptimizerServiceDefinition>;
  readonly watched: Watched;
  /** The first step to show. Steps are counted from 1; the evaluation of step 0 is that of the model before training. */
  readonly fromStep: number;
  /** How long the optimizer may be away before that is an error, in milliseconds. */
  readonly awayMs: number;
  readonly signal: AbortSignal;
  /** Takes a line for programs: a message as JSON. */
  readonly print: (line: string) => void;
  /** Takes a line for people. */
  readonly say: (line: string) => void;
}

const STATUS_TIMEOUT_MS = 60_000;
const RETRY_MS = 1_000;
const OVER: ReadonlySet<RunState> = new Set([RunState.FINISHED, RunState.FAILED]);

/**
 * Prints a run's status, every step as it is taken or evaluated, and the status at the end, or until the signal. Waits for an optimizer that is
 * restarted. Errors: RUN_FAILED with what the run failed of, OTHER_RUN where the optimizer comes back with another run; those of
 * calls: of the first one at once, of a lost connection after `awayMs`.
 */
export async function watchRun(parts: WatchParts): Promise<void> {
  const { optimizer, signal, print, say } = parts;
  const { runId } = await printedStatus(parts);
  const absence = new Absence(optimizer.address, parts.awayMs, say);
  for (let next = parts.fromStep; !signal.aborted; ) {
    try {
      for await (const { step, json } of stream(parts, next)) {
        absence.end();
        print(JSON.stringify(json));
        next = Number(step) + 1;
      }
      const status = await runStatus(parts);
      absence.end();
      if (status.runId !== runId) throw otherRun(optimizer.address, runId, status.runId);
      // Otherwise the optimizer is being stopped, and the next one continues the run.
      if (OVER.has(status.state)) return end(status, parts);
    } catch (error) {
      if (signal.aborted) return;
      absence.failed(error);
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}

/** Steps or evaluations from a step on. */
async function* stream({ optimizer, watched, signal }: WatchParts, fromStep: number) {
  const request = { fromStep: BigInt(fromStep) };
  const call: CallSettings = { timeoutMs: 'none', signal };
  if (watched === 'steps') {
    for await (const taken of optimizer.watchSteps(request, call)) {
      yield { step: taken.step, json: messageJson(WatchStepsResponse, taken) };
    }
  } else {
    for await (const evaluated of optimizer.watchEvaluations(request, call)) {
      yield { step: evaluated.step, json: messageJson(WatchEvaluationsResponse, evaluated) };
    }
  }
}

/** Prints the status of a run as a line of JSON. */
export async function printedStatus(
  parts: Pick<WatchParts, 'optimizer' | 'signal' | 'print'>,
): Promise<GetStatusResponse> {
  const status = await runStatus(parts);
  parts.print(statusLine(status));
  return status;
}

function end(status: GetStatusResponse, { print, say }: WatchParts): void {
  print(statusLine(status));
  const steps = `${status.policy?.step ?? 0n} of ${status.totalSteps} steps`;
  if (status.state === RunState.FAILED) {
    throw new AlphapoError('failed-precondition', 'RUN_FAILED', `the run failed after ${steps}: ${status.message}`);
  }
  say(`the run is finished after ${steps}${status.message === '' ? '' : `; ${status.message}`}`);
}

const statusLine = (status: GetStatusResponse) => JSON.stringify(messageJson(GetStatusResponse, status));

function runStatus({ optimizer, signal }: Pick<WatchParts, 'optimizer' | 'signal'>): Promise<GetStatusResponse> {
  return optimizer.getStatus({}, { timeoutMs: STATUS_TIMEOUT_MS, signal });
}

function otherRun(address: string, runId: string, found: string): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'OTHER_RUN',
    `the optimizer at ${address} now has run ${found} instead of ${runId}; start alphapo watch again to follow it`,
  );
}
