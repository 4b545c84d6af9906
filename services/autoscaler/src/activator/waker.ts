import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import { type Logger, meter } from '@alphapo/telemetry';
import type { AutoscalerEvents } from '../events.ts';
import { MARK_EVERY_MS, markName, markValue } from '../scaling/call-marks.ts';
import type { Component, Obstacle, Workloads } from '../workloads.ts';

/** Between two looks at a workload that is to have pods. */
const LOOK_EVERY_MS = 1_000;

const wakes = meter.counter({
  name: 'alphapo_activator_wakes_total',
  help: 'Workloads that a call scaled from zero to one.',
  labels: ['component'],
});

/** What applications call. */
export type Called = Extract<Component, 'scorer' | 'sampler'>;
/** What calls need: those of the base model need no optimizer. */
export type Needed = Called | Extract<Component, 'optimizer'>;

/**
 * Brings a workload from zero to one for calls that need it, and marks it as in use while there are any, so that the
 * leader keeps it. Every replica may do so: the first one has an effect, the others see it.
 */
export class Waker {
  readonly #workloads: Workloads;
  readonly #component: Needed;
  readonly #mark: string;
  readonly #logger: Logger<AutoscalerEvents>;
  #calls = 0;
  #marking: Promise<void> | undefined;
  #waking: Promise<void> | undefined;
  #markedAtMs = Number.NEGATIVE_INFINITY;
  #obstacles: readonly Obstacle[] = [];

  constructor(
    workloads: Workloads,
    component: Needed,
    options: { readonly pod: string; readonly logger: Logger<AutoscalerEvents> },
  ) {
    this.#workloads = workloads;
    this.#component = component;
    this.#mark = markName(options.pod);
    this.#logger = options.logger;
  }

  /** Calls that are under way. */
  get calls(): number {
    return this.#calls;
  }

  /** What kept pods from running at the last look. */
  get obstacles(): readonly Obstacle[] {
    return this.#obstacles;
  }

  /** Counts a call until it is disposed of; the workload is marked meanwhile. */
  use(): Disposable {
    this.#calls++;
    this.#marking ??= this.#keepMarking().finally(() => {
      this.#marking = undefined;
    });
    return { [Symbol.dispose]: () => void this.#calls-- };
  }

  /** Requests a pod if there is none. Checks once; call it again while the pod is needed. */
  wake(): Promise<void> {
    this.#waking ??= this.#wake().finally(() => {
      this.#waking = undefined;
    });
    return this.#waking;
  }

  /** Takes the mark away: this replica ends. */
  async forget(): Promise<void> {
    if (this.#markedAtMs === Number.NEGATIVE_INFINITY) return;
    await this.#workloads
      .annotate(this.#component, { [this.#mark]: null })
      .catch((error: unknown) => this.#logger.warn('workload.not-marked', { component: this.#component, error }));
  }

  async #wake(): Promise<void> {
    const component = this.#component;
    try {
      const { replicas, version, obstacles } = await this.#workloads.read(component);
      this.#obstacles = obstacles;
      if (replicas === 0) {
        await this.#workloads.scale(component, 1, version);
        wakes.add(1, { component });
        this.#logger.info('workload.woken', { component });
      }
    } catch (error) {
      const changed = error instanceof AlphapoError && error.reason === 'CONFLICT';
      if (!changed) this.#logger.warn('workload.not-woken', { component, error });
    }
    await sleep(LOOK_EVERY_MS);
  }

  async #keepMarking(): Promise<void> {
    while (this.#calls > 0) {
      const dueMs = this.#markedAtMs + MARK_EVERY_MS - performance.now();
      if (dueMs > 0) {
        await sleep(dueMs, undefined, { ref: false });
        continue;
      }
      this.#markedAtMs = performance.now();
      await this.#workloads
        .annotate(this.#component, { [this.#mark]: markValue(this.#calls, Date.now()) })
        .catch((error: unknown) => this.#logger.warn('workload.not-marked', { component: this.#component, error }));
    }
  }
}
