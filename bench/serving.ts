import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { OptimizerServiceClient, type PolicyVersion, ScorerServiceClient } from '@alphapo/contracts';
import { openEngine, type PairTokens } from '@alphapo/engine';
import { type Connection, callServerStream, callUnary, connect, HealthClient } from '@alphapo/rpc';
import { ServiceProcess } from '../test/integration/processes.ts';
import { clientsInALoop, forSeconds, type Load, quantile } from './load.ts';
import { openServingWork, writeRunSettings } from './serving-work.ts';

const HELP = `Scoring through the gRPC service: pairs per second of large calls against the engine alone, latency of small calls with
and without merging, and the same while a gradient is computed.

  npm run bench:serving -- [--seconds N] [--repeat N] [--threads N] [--gradient-pairs N]

Two scorers, one with merging and one without, are processes of their own and take turns, so that a machine whose speed drifts
is fair to both; medians are reported. Results are written to bench/results/serving.md and serving.json.`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    repeat: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    'gradient-pairs': { type: 'string', default: '24' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const [seconds, repeat, threads] = [values.seconds, values.repeat, values.threads].map(Number) as [
  number,
  number,
  number,
];
const gradientPairs = Number(values['gradient-pairs']);

const CLIENTS = [1, 8, 64];
const LARGE_CALL_PAIRS = 32;
const HEALTH_EVERY_MS = 20;
const CALL = { timeoutMs: 600_000 };
const MERGING = ['on', 'off'] as const;
type Merging = (typeof MERGING)[number];

/** A scorer under test. */
interface Scorer {
  readonly connection: Connection<ScorerServiceClient>;
  readonly policy: PolicyVersion;
  readonly health: HealthClient;
}

const folder = mkdtempSync(join(tmpdir(), 'alphapo-serving-'));
const work = await openServingWork(folder);
await using opened = new AsyncDisposableStack();
opened.defer(() => rmSync(folder, { recursive: true }));
const optimizer = opened.use(
  new ServiceProcess([
    ...['serve', 'optimizer', '--model', work.model, '--config', await writeRunSettings(folder)],
    ...['--log', join(folder, 'log.sqlite'), '--folder', join(folder, 'state')],
    ...['--scorers', '127.0.0.1:1', '--address', '127.0.0.1:0'],
  ]),
);
const scorers = { on: await startScorer('on'), off: await startScorer('off') };
const engine = opened.use(await openEngine(work.model, { executionProvider: 'cpu', threads }));

async function startScorer(merging: Merging): Promise<Scorer> {
  const process = opened.use(
    new ServiceProcess([
      ...['serve', 'scorer', '--model', work.model, '--address', '127.0.0.1:0', '--threads', `${threads}`],
      ...['--optimizer', await optimizer.address(), '--score-merging', merging],
    ]),
  );
  const address = await process.address();
  const status = opened.use(connect(OptimizerServiceClient, await optimizer.address()));
  const { policy } = await callUnary(status, 'getStatus', {}, CALL);
  return {
    connection: opened.use(connect(ScorerServiceClient, address)),
    policy: policy as PolicyVersion,
    health: opened.use(new HealthClient(address)),
  };
}

const tokenized = ({ prompt, chosen, rejected }: PairTokens) => ({
  ...{ id: '', prompt: [...prompt], chosen: [...chosen], rejected: [...rejected], sourceOffset: 0n },
  ...{ truncatedPromptTokens: 0, truncatedChosenTokens: 0, truncatedRejectedTokens: 0 },
});

function score({ connection }: Scorer, pairs: readonly PairTokens[]) {
  const items = pairs.map((pair) => ({ id: '', item: { $case: 'tokenPair' as const, value: tokenized(pair) } }));
  return callUnary(connection, 'score', { items, policy: undefined, perToken: false, objective: undefined }, CALL);
}

/** So many pairs from the list, again and again. */
const pairsFrom = (all: readonly PairTokens[], from: number, count: number) =>
  Array.from({ length: count }, (_, i) => all[(from + i) % all.length] as PairTokens);

const smallCalls = (scorer: Scorer, pairs: readonly PairTokens[]) => (count: number) =>
  score(scorer, pairsFrom(pairs, count, 1));

/** Computes a gradient; its time in seconds. */
async function gradient({ connection, policy }: Scorer): Promise<number> {
  const request = {
    ...{ runId: '', step: 1n, shard: 0, policy, batchPairs: gradientPairs },
    objective: { objective: { $case: 'simpo' as const, value: { beta: 2.5, gamma: 0 } } },
    pairs: pairsFrom(work.longPairs, 0, gradientPairs).map(tokenized),
  };
  const started = performance.now();
  for await (const _part of callServerStream(connection, 'gradient', request, CALL));
  return (performance.now() - started) / 1000;
}

/** Small calls while a gradient is computed, with health checks. */
async function besideGradient(scorer: Scorer, clients: number) {
  let isComputing = true;
  const gradientSeconds = gradient(scorer).finally(() => {
    isComputing = false;
  });
  const healthMs: number[] = [];
  const checking = (async () => {
    while (isComputing) {
      const from = performance.now();
      await scorer.health.check();
      healthMs.push(performance.now() - from);
      await new Promise((resolve) => setTimeout(resolve, HEALTH_EVERY_MS));
    }
  })();
  const load = await clientsInALoop(clients, () => isComputing, smallCalls(scorer, work.shortPairs));
  await checking;
  return { ...load, gradientSeconds: await gradientSeconds, healthP99Ms: quantile(healthMs, 0.99) };
}

/** Medians, field by field, of what was measured repeatedly. */
function medians<T extends object>(runs: readonly T[]): T {
  const keys = Object.keys(runs[0] ?? {}) as (keyof T)[];
  return Object.fromEntries(
    keys.map((key) => [
      key,
      quantile(
        runs.map((run) => Number(run[key])),
        0.5,
      ),
    ]),
  ) as T;
}

/** Measures each of some things in turn, so many times. */
async function inTurns<K extends string | number, T extends object>(
  what: string,
  keys: readonly K[],
  measure: (key: K) => Promise<T>,
): Promise<Record<K, T>> {
  const runs = new Map<K, T[]>(keys.map((key) => [key, []]));
  for (let round = 0; round < repeat; round++) {
    for (const key of keys) {
      const result = await measure(key);
      runs.get(key)?.push(result);
      console.error(`${what}, ${key}: ${JSON.stringify(result)}`);
    }
  }
  return Object.fromEntries([...runs].map(([key, all]) => [key, medians(all)])) as Record<K, T>;
}

async function measureEngine(): Promise<{ pairsPerSecond: number }> {
  const goesOn = forSeconds(seconds);
  const call = (count: number) =>
    engine.scorePairs(pairsFrom(work.longPairs, count * LARGE_CALL_PAIRS, LARGE_CALL_PAIRS), { kind: 'base' });
  return { pairsPerSecond: LARGE_CALL_PAIRS * (await clientsInALoop(1, goesOn, call)).callsPerSecond };
}

async function measureLargeCalls(scorer: Scorer): Promise<{ pairsPerSecond: number }> {
  const call = (count: number) => score(scorer, pairsFrom(work.longPairs, count * LARGE_CALL_PAIRS, LARGE_CALL_PAIRS));
  return { pairsPerSecond: LARGE_CALL_PAIRS * (await clientsInALoop(1, forSeconds(seconds), call)).callsPerSecond };
}

// The first calls make the sessions.
for (const scorer of Object.values(scorers)) {
  await score(scorer, pairsFrom(work.longPairs, 0, 2));
  await gradient(scorer);
}
await measureEngine();

const large = await inTurns('large calls', ['engine', 'on', 'off'] as const, (who) =>
  who === 'engine' ? measureEngine() : measureLargeCalls(scorers[who]),
);
const small: { pairs: string; clients: number; merging: Record<Merging, Load> }[] = [];
for (const [pairs, list] of [
  ['short', work.shortPairs],
  ['long', work.longPairs],
] as const) {
  for (const clients of CLIENTS) {
    const merging = await inTurns(`${clients} clients, ${pairs} pairs, merging`, MERGING, (mode) =>
      clientsInALoop(clients, forSeconds(seconds), smallCalls(scorers[mode], list)),
    );
    small.push({ pairs, clients, merging });
  }
}
const alone = await inTurns('gradient alone', ['on'], async () => ({ seconds: await gradient(scorers.on) }));
const beside: { clients: number; merging: Record<Merging, Awaited<ReturnType<typeof besideGradient>>> }[] = [];
for (const clients of CLIENTS) {
  const merging = await inTurns(`${clients} clients beside a gradient, merging`, MERGING, (mode) =>
    besideGradient(scorers[mode], clients),
  );
  beside.push({ clients, merging });
}

const ms = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));
const times = (a: number, b: number) => `${(a / b).toFixed(2)} ×`;
const share = (value: number) => `${((100 * value) / large.engine.pairsPerSecond).toFixed(0)} %`;
const table = [
  '# Serving scores',
  '',
  `${work.what}; ${threads} threads; made by \`npm run bench:serving\`. Medians of ${repeat} rounds in turns. Client, scorer and engine`,
  'share the machine.',
  '',
  `## Large calls (${LARGE_CALL_PAIRS} long pairs, one client)`,
  '',
  '| | pairs/s | of the engine alone |',
  '|---|---|---|',
  `| engine, in process | ${large.engine.pairsPerSecond.toFixed(2)} | |`,
  ...MERGING.map((mode) => {
    const { pairsPerSecond } = large[mode];
    return `| gRPC, merging ${mode} | ${pairsPerSecond.toFixed(2)} | ${share(pairsPerSecond)} |`;
  }),
  '',
  '## Small calls (one pair)',
  '',
  '| pairs | clients | calls/s | without merging | | p50 ms | without | | p99 ms | without | |',
  '|---|---|---|---|---|---|---|---|---|---|---|',
  ...small.map(({ pairs, clients, merging: { on, off } }) =>
    [
      `| ${pairs} | ${clients} | ${on.callsPerSecond.toFixed(1)} | ${off.callsPerSecond.toFixed(1)}`,
      `${times(on.callsPerSecond, off.callsPerSecond)} | ${ms(on.p50Ms)} | ${ms(off.p50Ms)}`,
      `${times(on.p50Ms, off.p50Ms)} | ${ms(on.p99Ms)} | ${ms(off.p99Ms)} | ${times(on.p99Ms, off.p99Ms)} |`,
    ].join(' | '),
  ),
  '',
  `## Small calls (one short pair) beside a gradient of ${gradientPairs} long pairs`,
  '',
  `The gradient alone takes ${alone.on.seconds.toFixed(1)} s: as long a call would wait that came behind it.`,
  '',
  '| clients | merging | calls/s | p50 ms | p99 ms | gradient | health check p99 ms |',
  '|---|---|---|---|---|---|---|',
  ...beside.flatMap(({ clients, merging }) =>
    MERGING.map((mode) => {
      const { callsPerSecond, p50Ms, p99Ms, gradientSeconds, healthP99Ms } = merging[mode];
      const slower = times(gradientSeconds, alone.on.seconds);
      return `| ${clients} | ${mode} | ${callsPerSecond.toFixed(1)} | ${ms(p50Ms)} | ${ms(p99Ms)} | ${gradientSeconds.toFixed(1)} s, ${slower} | ${ms(healthP99Ms)} |`;
    }),
  ),
  '',
].join('\n');
const results = join(import.meta.dirname, 'results');
writeFileSync(join(results, 'serving.md'), table);
writeFileSync(
  join(results, 'serving.json'),
  `${JSON.stringify({ work: work.what, threads, seconds, repeat, gradientPairs, large, small, alone, beside }, undefined, 2)}\n`,
);
console.log(table);
