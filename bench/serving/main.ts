import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openEngine, type PairTokens } from '@alphapo/engine';
import { clientsInALoop, forSeconds, quantile } from '../load.ts';
import { type LoadBesideGradient, type ScorerLoad, servingReport, type Throughput } from './report.ts';
import { MERGING, type Scorer, startScorers } from './scorers.ts';
import { openServingWork } from './work.ts';

const HELP = `Scoring through the gRPC service: pairs per second of large calls against the engine alone, latency of small calls with
and without merging, and the same while a gradient is computed.

  npm run bench:serving -- [--seconds N] [--rounds N] [--threads N] [--gradient-pairs N]

Two scorers, one with merging and one without, are processes of their own and take turns, so that a machine whose speed drifts
is fair to both; medians are reported. Results are written to bench/results/serving.md and serving.json.`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    'gradient-pairs': { type: 'string', default: '16' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const [seconds, rounds, threads] = [values.seconds, values.rounds, values.threads].map(Number) as [
  number,
  number,
  number,
];
const gradientPairs = Number(values['gradient-pairs']);

const CLIENTS = [1, 8, 64];
/** A long pair fills a pack: more clients only wait longer. */
const CLIENTS_OF_LONG_PAIRS = [1, 8];
const LARGE_CALL_PAIRS = 16;
const HEALTH_EVERY_MS = 20;

const folder = mkdtempSync(join(tmpdir(), 'alphapo-serving-'));
await using opened = new AsyncDisposableStack();
opened.defer(() => rmSync(folder, { recursive: true }));
const { what, model, longPairs, shortPairs } = await openServingWork(folder);
const scorers = await startScorers(opened, { folder, model, threads });
const engine = opened.use(await openEngine(model, { executionProvider: 'cpu', threads }));

/** So many pairs from a list, again and again. */
const pairsFrom = (all: readonly PairTokens[], from: number, count: number) =>
  Array.from({ length: count }, (_, i) => all[(from + i) % all.length] as PairTokens);

/** Calls of one pair each. */
const smallCalls = (scorer: Scorer, pairs: readonly PairTokens[]) => (count: number) =>
  scorer.score(pairsFrom(pairs, count, 1));

async function load(scorer: Scorer, clients: number, pairs: readonly PairTokens[]): Promise<ScorerLoad> {
  const before = scorer.processorMs;
  const measured = await clientsInALoop(clients, forSeconds(seconds), smallCalls(scorer, pairs));
  return { ...measured, processorMsPerCall: (scorer.processorMs - before) / measured.calls };
}

async function largeCalls(score: (pairs: readonly PairTokens[]) => Promise<unknown>): Promise<Throughput> {
  const call = (count: number) => score(pairsFrom(longPairs, count * LARGE_CALL_PAIRS, LARGE_CALL_PAIRS));
  const { callsPerSecond } = await clientsInALoop(1, forSeconds(seconds), call);
  return { pairsPerSecond: LARGE_CALL_PAIRS * callsPerSecond };
}

async function secondsOfGradient(scorer: Scorer): Promise<number> {
  const started = performance.now();
  await scorer.gradient(pairsFrom(longPairs, 0, gradientPairs));
  return (performance.now() - started) / 1000;
}

/** Small calls and health checks as long as a gradient is computed. */
async function besideGradient(scorer: Scorer, clients: number): Promise<LoadBesideGradient> {
  let isComputing = true;
  const gradient = secondsOfGradient(scorer).finally(() => {
    isComputing = false;
  });
  const healthMs: number[] = [];
  const checkHealth = async () => {
    while (isComputing) {
      const from = performance.now();
      await scorer.health.check();
      healthMs.push(performance.now() - from);
      await sleep(HEALTH_EVERY_MS);
    }
  };
  const calls = clientsInALoop(clients, () => isComputing, smallCalls(scorer, shortPairs));
  const [gradientSeconds, measured] = await Promise.all([gradient, calls, checkHealth()]);
  return { ...measured, gradientSeconds, healthP50Ms: quantile(healthMs, 0.5), healthP99Ms: quantile(healthMs, 0.99) };
}

/** Measures some things in turns; medians, field by field, of each. */
async function inTurns<K extends string, T extends object>(
  measured: string,
  keys: readonly K[],
  measure: (key: K) => Promise<T>,
): Promise<Record<K, T>> {
  const all = new Map<K, T[]>(keys.map((key) => [key, []]));
  for (let round = 0; round < rounds; round++) {
    for (const key of keys) {
      const result = await measure(key);
      all.get(key)?.push(result);
      console.error(`${measured}, ${key}: ${JSON.stringify(result)}`);
    }
  }
  return Object.fromEntries([...all].map(([key, results]) => [key, medians(results)])) as Record<K, T>;
}

function medians<T extends object>(results: readonly T[]): T {
  const keys = Object.keys(results[0] ?? {}) as (keyof T)[];
  const median = (key: keyof T) =>
    quantile(
      results.map((result) => Number(result[key])),
      0.5,
    );
  return Object.fromEntries(keys.map((key) => [key, median(key)])) as T;
}

// The first calls make the sessions.
for (const scorer of Object.values(scorers)) {
  await scorer.score(pairsFrom(longPairs, 0, 1));
  await scorer.gradient(pairsFrom(longPairs, 0, 1));
}
await engine.scorePairs(pairsFrom(longPairs, 0, 1), { kind: 'base' });

const large = await inTurns('large calls', ['engine', ...MERGING], (who) =>
  largeCalls(
    who === 'engine' ? (pairs) => engine.scorePairs(pairs, { kind: 'base' }) : (pairs) => scorers[who].score(pairs),
  ),
);
const small = [];
for (const { pairs, list, numbers } of [
  { pairs: 'short', list: shortPairs, numbers: CLIENTS },
  { pairs: 'long', list: longPairs, numbers: CLIENTS_OF_LONG_PAIRS },
]) {
  for (const clients of numbers) {
    const merging = await inTurns(`${clients} clients, ${pairs} pairs, merging`, MERGING, (mode) =>
      load(scorers[mode], clients, list),
    );
    small.push({ pairs, clients, merging });
  }
}
const { alone } = await inTurns('gradient', ['alone'], async () => ({ seconds: await secondsOfGradient(scorers.on) }));
const beside = [];
for (const clients of CLIENTS) {
  const merging = await inTurns(`${clients} clients beside a gradient, merging`, MERGING, (mode) =>
    besideGradient(scorers[mode], clients),
  );
  beside.push({ clients, merging });
}

const results = {
  ...{ work: what, threads, rounds, largeCallPairs: LARGE_CALL_PAIRS, large, small },
  ...{ gradientPairs, gradientSeconds: alone.seconds, beside },
};
const report = servingReport(results);
writeFileSync(join(import.meta.dirname, '../results/serving.md'), report);
writeFileSync(join(import.meta.dirname, '../results/serving.json'), `${JSON.stringify(results, undefined, 2)}\n`);
console.log(report);
