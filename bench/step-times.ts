/** Milliseconds of a step, as the optimizer logs them with `step.taken`. */
interface LoggedTimes {
  /** Waiting for the batch. */
  readonly waitMs: number;
  /** All shards, from the first request to the last gradient. */
  readonly gradientsMs: number;
  /** Of that, in scorers: having the policy, and computing. */
  readonly policyMs: number;
  readonly computeMs: number;
  /** Of that, the rest: requests and gradients on their way. */
  readonly transferMs: number;
  /** What was left of adding the shards. */
  readonly sumMs: number;
  readonly normMs: number;
  readonly updateMs: number;
  readonly digestMs: number;
  readonly publishMs: number;
}

export interface StepTimes extends LoggedTimes {
  /** The whole step, from the end of the one before. */
  readonly stepMs: number;
  /** The share of it that is neither the engine's computation nor the optimizer's arithmetic. */
  readonly servicesShare: number;
}

const NAMES: readonly (keyof LoggedTimes)[] = [
  'waitMs',
  'gradientsMs',
  'policyMs',
  'computeMs',
  'transferMs',
  'sumMs',
  'normMs',
  'updateMs',
  'digestMs',
  'publishMs',
];

/** Means over the steps. */
export function meanTimes(steps: readonly LoggedTimes[]): StepTimes {
  const mean = (of: (times: LoggedTimes) => number) => steps.reduce((sum, times) => sum + of(times), 0) / steps.length;
  const times = Object.fromEntries(NAMES.map((name) => [name, mean((step) => step[name])])) as unknown as LoggedTimes;
  const { waitMs, gradientsMs, sumMs, normMs, updateMs, digestMs, publishMs } = times;
  const stepMs = waitMs + gradientsMs + sumMs + normMs + updateMs + digestMs + publishMs;
  return { ...times, stepMs, servicesShare: 1 - (times.computeMs + sumMs + normMs + updateMs) / stepMs };
}

/** A row of the table below. */
export const TIMES_HEADER = [
  '| | engine | sum, norm, AdamW | policy to the scorer | gradient to the optimizer | digest | publish, wait | step | services |',
  '|---|---|---|---|---|---|---|---|---|',
];

export function timesRow(name: string, times: StepTimes): string {
  const { computeMs, sumMs, normMs, updateMs, policyMs, transferMs, digestMs, publishMs, waitMs, stepMs } = times;
  const columns = [computeMs, sumMs + normMs + updateMs, policyMs, transferMs, digestMs, publishMs + waitMs, stepMs];
  const share = `${(100 * times.servicesShare).toFixed(1)} %`;
  return `| ${name} | ${columns.map((ms) => ms.toFixed(0)).join(' | ')} | ${share} |`;
}
