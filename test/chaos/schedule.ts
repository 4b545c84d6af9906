import { type Random, seededRandom } from '@alphapo/base';
import { type Fault, type FaultKind, LINKS, SERVICES, TRANSACTION_REQUESTS } from './faults.ts';

/** A fault and when it comes: so long after a step has been taken for the first time. */
export interface ScheduledFault {
  readonly number: number;
  readonly afterStep: number;
  readonly delayMs: number;
  readonly fault: Fault;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly faults: number;
  readonly steps: number;
  readonly kinds: readonly FaultKind[];
}

/** The first steps show how fast the run is without faults, the last ones that it is whole. */
const CALM_STEPS = 3;
const MAX_DELAY_MS = 400;
const HOUR_MS = 3_600_000;

/**
 * Faults spread over the steps of a run. Every kind comes equally often, in random order. It depends on the options
 * alone. Errors: a range error where there are fewer steps than faults.
 */
export function faultSchedule({ seed, faults, steps, kinds }: ScheduleOptions): ScheduledFault[] {
  const eventful = steps - 2 * CALM_STEPS;
  if (eventful < faults) throw new RangeError(`${faults} faults need at least ${faults + 2 * CALM_STEPS} steps`);
  const random = seededRandom(seed);
  const order: FaultKind[] = [];
  while (order.length < faults) order.push(...random.shuffle([...kinds]));
  return Array.from({ length: faults }, (_, i) => ({
    number: i + 1,
    afterStep: CALM_STEPS + Math.floor(((i + random.next()) * eventful) / faults),
    delayMs: random.below(MAX_DELAY_MS),
    fault: FAULTS[order[i] as FaultKind](random),
  }));
}

/** Draws what is left open by the kind. */
const FAULTS: { readonly [K in FaultKind]: (random: Random) => Extract<Fault, { kind: K }> } = {
  kill: (random) => ({ kind: 'kill', target: one(random, [...SERVICES, 'optimizer', 'producer']) }),
  terminate: (random) => ({ kind: 'terminate', target: one(random, SERVICES) }),
  freeze: (random) => ({ kind: 'freeze', target: one(random, SERVICES), forMs: between(random, 200, 3_000) }),
  'freeze-long': (random) => ({
    kind: 'freeze-long',
    target: one(random, SERVICES),
    forMs: between(random, 12_000, 17_000),
  }),
  'replace-optimizer': () => ({ kind: 'replace-optimizer' }),
  'broker-kill': (random) => ({ kind: 'broker-kill', forMs: between(random, 0, 4_000) }),
  'broker-restart': (random) => ({ kind: 'broker-restart', forMs: between(random, 0, 4_000) }),
  cut: (random) => ({ kind: 'cut', target: one(random, LINKS), forMs: between(random, 0, 4_000) }),
  stall: (random) => ({ kind: 'stall', target: one(random, LINKS), forMs: between(random, 200, 8_000) }),
  slow: (random) => ({
    kind: 'slow',
    target: one(random, LINKS),
    forMs: between(random, 1_000, 6_000),
    latencyMs: between(random, 20, 150),
    bytesPerSecond: between(random, 64, 512) * 1_000,
  }),
  'lost-reply': (random) => {
    const target = one(random, ['tokenizers', 'optimizer'] as const);
    return { kind: 'lost-reply', target, request: one(random, TRANSACTION_REQUESTS[target]) };
  },
  'disk-full': (random) => ({ kind: 'disk-full', forMs: between(random, 1_000, 5_000) }),
  'clock-jump': (random) => ({
    kind: 'clock-jump',
    target: one(random, SERVICES),
    byMs: one(random, [-1, 1]) * one(random, [20_000, HOUR_MS, 24 * HOUR_MS]),
  }),
};

function one<T>(random: Random, items: readonly T[]): T {
  return items[random.below(items.length)] as T;
}

const between = (random: Random, low: number, high: number) => low + random.below(high - low + 1);
