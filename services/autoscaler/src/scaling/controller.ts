import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError, Backoff } from '@alphapo/base';
import type { Logger } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import type { Leadership } from '../leadership/leader-election.ts';
import { COMPONENTS, type Component, type WorkloadEvent, type WorkloadState, type Workloads } from '../workloads.ts';
import { forgottenMarks } from './call-marks.ts';
import { decide, type History, type ScalingSettings, type Target } from './decide.ts';
import { scalingMetrics } from './metrics.ts';
import type { ClusterSnapshot } from './observer.ts';
import { ObstacleReports } from './obstacle-reports.ts';
import { isRunEnded, NO_RUN_ENDED_NOTE, runEndedEvent, runEndedNote } from './run-end.ts';

export interface ControllerParts {
  readonly observe: () => Promise<ClusterSnapshot>;
  readonly workloads: Workloads;
  readonly settings: ScalingSettings;
  /** Between two rounds, in milliseconds. */
  readonly pollMs: number;
  readonly logger: Logger<AutoscalerEvents>;
}

/** The wait after a round that failed doubles up to this. */
const MAX_BACKOFF_MS = 30_000;

/** Looks, decides and acts, again and again, while it leads. A round that fails changes nothing that the next one relies on. */
export async function control(parts: ControllerParts, leadership: Leadership): Promise<void> {
  const { pollMs, logger } = parts;
  const round = new Rounds(parts, leadership);
  const backoff = new Backoff(pollMs, MAX_BACKOFF_MS);
  let failures = 0;
  scalingMetrics.leads(true);
  while (!leadership.signal.aborted) {
    let waitMs = pollMs;
    try {
      await round.run();
      failures = 0;
      backoff.succeeded();
    } catch (error) {
      if (leadership.signal.aborted) break;
      failures++;
      waitMs = backoff.failed();
      scalingMetrics.failed();
      logger.warn('round.failed', { failures, error });
    }
    await sleep(waitMs, undefined, { signal: leadership.signal }).catch(() => {});
  }
  scalingMetrics.leads(false);
}

class Rounds {
  readonly #parts: ControllerParts;
  readonly #leadership: Leadership;
  readonly #obstacles: ObstacleReports;
  #history: History | undefined;

  constructor(parts: ControllerParts, leadership: Leadership) {
    this.#parts = parts;
    this.#leadership = leadership;
    this.#obstacles = new ObstacleReports(parts.workloads, parts.logger);
  }

  async run(): Promise<void> {
    const { observe, workloads, settings } = this.#parts;
    const sight = await observe();
    const { observation, states, busyScorers } = sight;
    scalingMetrics.saw(observation, states);
    const decision = decide(observation, this.#history, settings);
    this.#history = decision.history;
    scalingMetrics.decided(decision);
    this.#leadership.assertHeld();
    const { targets } = decision;
    if (targets.scorer.replicas > 0 && targets.scorer.replicas < states.scorer.current) {
      await workloads.protect('scorer', busyScorers);
    }
    for (const component of COMPONENTS) await this.#bring(component, states[component], targets[component]);
    await this.#keepNotes(sight);
    await this.#obstacles.tell(states);
  }

  /** A workload that changed since it was looked at is left to the next round: a call may have woken it. */
  async #bring(component: Component, { replicas, version }: WorkloadState, target: Target): Promise<void> {
    if (target.replicas === replicas) return;
    const { workloads, logger } = this.#parts;
    this.#leadership.assertHeld();
    try {
      await workloads.scale(component, target.replicas, version);
    } catch (error) {
      if (!(error instanceof AlphapoError && error.reason === 'CONFLICT')) throw error;
      logger.info('workload.changed-meanwhile', { component });
      return;
    }
    scalingMetrics.changed(component, replicas, target);
    logger.info('workload.scaled', { component, from: replicas, to: target.replicas, reason: target.reason });
    const message = `from ${replicas} to ${target.replicas}: ${target.reason}`;
    await this.#tell(component, { type: 'Normal', reason: 'ScaledByAutoscaler', message });
  }

  async #tell(component: Component, event: WorkloadEvent): Promise<void> {
    const { workloads, logger } = this.#parts;
    await workloads
      .report(component, event)
      .catch((error: unknown) => logger.warn('kubernetes-event.not-reported', { component, error }));
  }

  async #keepNotes({ observation, optimizerMessage, states }: ClusterSnapshot): Promise<void> {
    const { workloads, logger } = this.#parts;
    const { optimizer } = states;
    const answers = observation.optimizer !== undefined;
    const finished = observation.optimizer?.state === 'finished';
    if (finished && optimizer.isUpToDate && !isRunEnded(optimizer)) {
      await workloads.annotate('optimizer', runEndedNote(optimizer));
      logger.info('run.ended', { message: optimizerMessage });
      await this.#tell('optimizer', runEndedEvent(optimizerMessage));
    } else if (answers && !finished && isRunEnded(optimizer)) {
      await workloads.annotate('optimizer', NO_RUN_ENDED_NOTE);
    }
    for (const component of COMPONENTS) {
      const forgotten = forgottenMarks(states[component], Date.now());
      if (forgotten.length === 0) continue;
      await workloads.annotate(component, Object.fromEntries(forgotten.map((name) => [name, null])));
    }
  }
}
