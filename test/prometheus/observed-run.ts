import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { control, Lags, observe, startActivator } from '@alphapo/autoscaler/testing';
import { OptimizerServiceDefinition, ScorerServiceDefinition } from '@alphapo/contracts';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { type Client, connect } from '@alphapo/rpc';
import { serveMetrics } from '@alphapo/telemetry';
import { MemoryWorkloads } from '../../services/autoscaler/src/cluster.fixture.ts';
import { CALL, LOOPBACK, pairs, produce, silent, smallModel, topics } from '../integration/services.fixture.ts';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** More than a test waits for. */
const PAIRS = 20_000;
const BATCH = 4;
const BAD_RECORDS = 8;
const SCALING = {
  limits: {
    tokenizer: { min: 0, max: 1 },
    scorer: { min: 0, max: 2 },
    optimizer: { min: 0, max: 1 },
    sampler: { min: 0, max: 1 },
  },
  ...{ cooldownMs: 60_000, recordsPerTokenizer: 1_000, shardsPerScorer: 1, callsPerScorer: 8, callsPerSampler: 8 },
};

/** Where the metrics of a component are served. */
export interface ObservedRun extends AsyncDisposable {
  addressOf(component: string): string;
}

/**
 * A run under way: tokenizer, scorer and optimizer as processes on an embedded log, a sampler that was asked once, and the autoscaler
 * of real parts over workloads in memory, one of whose pods finds no node. Somebody asks for scores all the time.
 */
export async function startObservedRun(): Promise<ObservedRun> {
  await using opened = new AsyncDisposableStack();
  const [folder, model] = [await temporaryFolder(), await smallModel()];
  const [config, path] = [join(folder, 'run.yaml'), join(folder, 'log.sqlite')];
  const settings = {
    steps: PAIRS / BATCH,
    batchSize: BATCH,
    shards: 2,
    loraRank: 2,
    maxLength: 96,
    maxPromptLength: 64,
  };
  await writeFile(config, JSON.stringify(settings));
  const serve = (service: string, ...options: readonly string[]) =>
    opened.use(
      new ServiceProcess([...['serve', service, '--model', model, '--metrics-address', LOOPBACK], ...options]),
    );
  const ofRun = ['--run', config, '--log', path];
  const optimizerAddress = `127.0.0.1:${await freePort()}`;
  const tokenizer = serve('tokenizer', ...ofRun, '--address', LOOPBACK);
  const scorer = serve('scorer', '--address', LOOPBACK, '--optimizer', optimizerAddress, '--threads', '1');
  const scorerAddress = await scorer.address();
  const state = ['--folder', join(folder, 'state'), '--checkpoint-every', '5'];
  const sampler = serve(
    ...(['sampler', '--address', LOOPBACK, '--http-address', LOOPBACK, '--model-name', 'small'] as const),
    ...['--optimizer', optimizerAddress],
  );
  const { httpAddress, address: samplerAddress } = await sampler.event(({ event }) => event === 'sampler.started');
  await askForAnswer(httpAddress as string);
  const evaluation = await evaluationOptions(folder, samplerAddress as string);
  const optimizer = serve(
    ...(['optimizer', ...ofRun, ...state, '--address', optimizerAddress, '--scorers', scorerAddress] as const),
    ...evaluation,
  );
  const addresses = new Map<string, string>();
  for (const [name, service] of Object.entries({ tokenizer, scorer, sampler, optimizer })) {
    addresses.set(name, (await service.event(({ event }) => event === 'metrics-server.started')).address as string);
  }
  const log = opened.use(openEmbeddedEventLog({ path }));
  const bad = Array.from({ length: BAD_RECORDS }, (_, i) => ({ id: `bad-${i}` }));
  await produce(log, [...bad, ...pairs(PAIRS)]);
  addresses.set('autoscaler', await startAutoscaler(opened, { path, optimizerAddress, scorerAddress }));
  const owned = opened.move();
  return {
    addressOf(component) {
      const address = addresses.get(component);
      if (address === undefined) throw new Error(`there is no ${component} in this run`);
      return address;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What the optimizer evaluates: a few pairs, and a prompt with a right answer. */
async function evaluationOptions(folder: string, sampler: string): Promise<string[]> {
  const [data, prompts] = [join(folder, 'held-out.jsonl'), join(folder, 'prompts.jsonl')];
  const lines = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
  await writeFile(data, lines(pairs(4)));
  await writeFile(prompts, lines([{ prompt: 'After 1:', answer: ' 2' }]));
  return ['--eval-data', data, '--eval-prompts', prompts, '--eval-max-tokens', '4', '--sampler', sampler];
}

/** The autoscaler in this process, and somebody who asks for scores through it; returns where its metrics are. */
async function startAutoscaler(
  opened: AsyncDisposableStack,
  at: { readonly path: string; readonly optimizerAddress: string; readonly scorerAddress: string },
): Promise<string> {
  const workloads = new MemoryWorkloads();
  const obstacles = [{ name: 'scorer-1', reason: 'Unschedulable', message: 'no node has a GPU' }];
  workloads.change('scorer', { obstacles });
  workloads.change('optimizer', { replicas: 1, readyReplicas: 1 });
  const readyScorers = async () => (workloads.state('scorer').replicas === 0 ? [] : [at.scorerAddress]);
  const metrics = opened.use(await serveMetrics({ environment: { ALPHAPO_METRICS_ADDRESS: LOOPBACK } }, silent));
  const activator = opened.use(
    await startActivator(
      {
        ...{ address: LOOPBACK, security: undefined, scorers: at.scorerAddress, pod: 'autoscaler-0' },
        ...{ discover: readyScorers, held: { calls: 8, bytes: 2 ** 20 }, waitMs: 10_000 },
      },
      workloads,
      silent,
    ),
  );
  const lags = opened.use(new Lags(async () => openEmbeddedEventLog({ path: at.path }), silent));
  const optimizer = opened.use(connect(OptimizerServiceDefinition, at.optimizerAddress));
  const scores = opened.use(connect(ScorerServiceDefinition, activator.address));
  // The first one wakes the scorer, before anybody scales.
  await askForScore(scores);
  const stop = new AbortController();
  const parts = { workloads, lags, topics, optimizer, logger: silent };
  const controlled = control(
    { observe: () => observe(parts), workloads, settings: SCALING, pollMs: 200, logger: silent },
    { signal: stop.signal, assertHeld: () => {} },
  );
  const asking = (async () => {
    while (!stop.signal.aborted) await askForScore(scores);
  })();
  // Whoever waits for it at the end hears of a failure.
  asking.catch(() => {});
  opened.defer(async () => {
    stop.abort();
    await Promise.all([controlled, asking]);
  });
  return metrics.address as string;
}

async function askForAnswer(httpAddress: string): Promise<void> {
  const body = JSON.stringify({ model: 'small', prompt: 'After 1:', max_tokens: 2 });
  const response = await fetch(`http://${httpAddress}/v1/completions`, { method: 'POST', body });
  if (!response.ok) throw new Error(await response.text());
}

async function askForScore(scorer: Client<ScorerServiceDefinition>): Promise<void> {
  const pair = { prompt: { $case: 'text' as const, value: 'After 1:' }, chosen: ' 2', rejected: ' 1' };
  const items = [{ id: 'one', item: { $case: 'textPair' as const, value: pair } }];
  const request = { items, policy: undefined, perToken: false, objective: undefined, batch: undefined };
  await scorer.score(request, CALL);
}
