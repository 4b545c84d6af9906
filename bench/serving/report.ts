import type { Load } from '../load.ts';
import { MERGING, type Merging } from './scorers.ts';

export interface Throughput {
  readonly pairsPerSecond: number;
}

export interface ScorerLoad extends Load {
  /** Processor time of the scorer: what hardly depends on who else uses the machine. */
  readonly processorMsPerCall: number;
}

/** Small calls while a gradient is computed. */
export interface LoadBesideGradient extends Load {
  readonly gradientSeconds: number;
  readonly healthP50Ms: number;
  readonly healthP99Ms: number;
}

/** All that was measured. */
export interface ServingResults {
  readonly work: string;
  readonly threads: number;
  readonly rounds: number;
  readonly largeCallPairs: number;
  readonly large: Readonly<Record<'engine' | Merging, Throughput>>;
  readonly small: readonly {
    readonly pairs: string;
    readonly clients: number;
    readonly merging: Readonly<Record<Merging, ScorerLoad>>;
  }[];
  readonly gradientPairs: number;
  readonly gradientSeconds: number;
  readonly beside: readonly {
    readonly clients: number;
    readonly merging: Readonly<Record<Merging, LoadBesideGradient>>;
  }[];
}

const ms = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));
const times = (a: number, b: number) => `${(a / b).toFixed(2)} ×`;

/** The results as Markdown. */
export function servingReport(results: ServingResults): string {
  const { work, threads, rounds, large, largeCallPairs, small, gradientPairs, gradientSeconds, beside } = results;
  const largeRow = (mode: Merging) => {
    const { pairsPerSecond } = large[mode];
    const share = times(pairsPerSecond, large.engine.pairsPerSecond);
    return `| gRPC, merging ${mode} | ${pairsPerSecond.toFixed(2)} | ${share} |`;
  };
  const smallRow = ({ pairs, clients, merging: { on, off } }: ServingResults['small'][number]) => {
    const compared = (key: keyof ScorerLoad, digits: (value: number) => string) =>
      `${digits(on[key])} | ${digits(off[key])} | ${times(on[key], off[key])}`;
    const calls = compared('callsPerSecond', (value) => value.toFixed(1));
    const latency = `${compared('p50Ms', ms)} | ${compared('p99Ms', ms)}`;
    return `| ${pairs} | ${clients} | ${calls} | ${latency} | ${compared('processorMsPerCall', ms)} |`;
  };
  const besideRow = (clients: number, mode: Merging, load: LoadBesideGradient) => {
    const gradient = `${load.gradientSeconds.toFixed(1)} s, ${times(load.gradientSeconds, gradientSeconds)}`;
    const health = `${ms(load.healthP50Ms)} | ${ms(load.healthP99Ms)}`;
    const latency = `${ms(load.p50Ms)} | ${ms(load.p99Ms)}`;
    return `| ${clients} | ${mode} | ${load.callsPerSecond.toFixed(1)} | ${latency} | ${gradient} | ${health} |`;
  };
  return [
    '# Serving scores',
    '',
    `${work}; ${threads} threads; made by \`npm run bench:serving\`. Medians of ${rounds} rounds, in which what is compared took`,
    'turns. Clients, scorers and engine share the machine.',
    '',
    `## Large calls: ${largeCallPairs} long pairs, one client`,
    '',
    '| | pairs/s | × engine |',
    '|---|---|---|',
    `| engine, in process | ${large.engine.pairsPerSecond.toFixed(2)} | 1.00 × |`,
    ...MERGING.map(largeRow),
    '',
    '## Small calls: one pair',
    '',
    '"On" and "off" is the merging of calls.',
    '',
    '| pairs | clients | calls/s, on | off | | p50 ms, on | off | | p99 ms, on | off | | CPU ms/call, on | off | |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...small.map(smallRow),
    '',
    `## Small calls beside a gradient of ${gradientPairs} long pairs`,
    '',
    `Alone the gradient takes ${gradientSeconds.toFixed(1)} s: so long a call would wait that came behind it.`,
    '',
    '| clients | merging | calls/s | p50 ms | p99 ms | gradient | health check p50 ms | p99 ms |',
    '|---|---|---|---|---|---|---|---|',
    ...beside.flatMap(({ clients, merging }) => MERGING.map((mode) => besideRow(clients, mode, merging[mode]))),
    '',
  ].join('\n');
}
