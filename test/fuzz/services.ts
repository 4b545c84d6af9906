import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { initModel, TINY_CONFIG } from '@alphapo/cli';
import {
  GradientRequest,
  OptimizerServiceDefinition,
  type PolicyVersion,
  PreferenceBatch,
  type RunSpecification,
  resolveRunSpecification,
  runSettingsSchema,
  runSpecificationDigest,
  ScorerServiceDefinition,
  TokenizerServiceDefinition,
  topicsWithPrefix,
} from '@alphapo/contracts';
import { type EventLog, openEmbeddedEventLog } from '@alphapo/messaging';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { startOptimizer } from '@alphapo/optimizer';
import { connect, HealthClient, type ProtoService } from '@alphapo/rpc';
import { startScorer } from '@alphapo/scorer';
import { createLogger } from '@alphapo/telemetry';
import { startTokenizer } from '@alphapo/tokenizer';
import type { FuzzedMethod } from './fuzzed-methods.ts';

/** The services, on real sockets and a real log, for requests and records that somebody else made. */

const logger = createLogger({ service: 'fuzz', level: 'silent' });
const topics = topicsWithPrefix();
const LOOPBACK = '127.0.0.1:0';
const { signal: unstopped } = new AbortController();
const MODEL_SEED = 7;
const SMALL = {
  ...TINY_CONFIG,
  hidden_size: 16,
  intermediate_size: 32,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
};
/** More than any request that the corpus can be mutated to takes. */
const CALL_TIMEOUT_MS = 15_000;
/** Steps that are waited for never come: nothing is trained here. */
const WATCH_TIMEOUT_MS = 100;

export interface FuzzedServices {
  /** Sends bytes as the request of a method; rejects with the server's error, or where a server is not well afterwards. */
  call(method: FuzzedMethod, request: Uint8Array): Promise<void>;
  /** Trains one step on a batch of these bytes; rejects with what the optimizer stops with. */
  train(batch: Uint8Array): Promise<void>;
}

/** Makes the model; returns the run that is trained on it. */
export async function makeModel(folder: string): Promise<RunSpecification> {
  await initModel(folder, SMALL, MODEL_SEED);
  const settings = runSettingsSchema.parse({ learningRate: 0.01, batchSize: 2, steps: 1, shards: 1, loraRank: 2 });
  return resolveRunSpecification(settings, runFacts(await readModelDefinition(folder), undefined));
}

/** A batch of pairs that are mostly tokens, so that most mutations hit these. */
export function goodBatch(specification: RunSpecification): PreferenceBatch {
  return PreferenceBatch.fromPartial({
    source: { topic: topics.preferences, nextOffset: 1n },
    pairs: ['a', 'b', 'c'].map((id, i) => ({
      id,
      prompt: [0, ...Array<number>(24).fill(60 + i)],
      chosen: [...Array<number>(24).fill(80 + i), 1],
      rejected: [...Array<number>(24).fill(100 + i), 1],
    })),
    tokenizerDigest: 't',
    chatTemplateDigest: 'c',
    runSpecificationDigest: runSpecificationDigest(specification),
  });
}

const started = new Map<string, Promise<FuzzedServices>>();

/** Starts them once for each place, in a folder below it; they end with the process. */
export function fuzzedServices(place: string): Promise<FuzzedServices> {
  const services = started.get(place) ?? start(mkdtempSync(join(place, 'services-')));
  started.set(place, services);
  return services;
}

async function start(root: string): Promise<FuzzedServices> {
  const model = join(root, 'model');
  const specification = await makeModel(model);
  const log = openEmbeddedEventLog({ path: join(root, 'log.sqlite') });
  const tokenizer = await startTokenizer(
    { model, specification, address: LOOPBACK, topics, preferencesPartitions: 1 },
    log,
    logger,
  );
  const optimizer = await startOptimizer(
    optimizerConfig(root, { model, specification, scorers: [] }),
    log,
    logger,
    unstopped,
  );
  const scorer = await startScorer(
    { model, address: LOOPBACK, optimizerAddress: optimizer.address, executionProvider: 'cpu', threads: 1 },
    logger,
  );
  const clients = {
    tokenizer: connect(taking(TokenizerServiceDefinition), tokenizer.address),
    scorer: connect(taking(ScorerServiceDefinition), scorer.address),
    optimizer: connect(taking(OptimizerServiceDefinition), optimizer.address),
  };
  const { policy } = optimizer.trainer;
  const version = { runId: optimizer.trainer.run.id, step: BigInt(policy.step), digest: policy.digest };
  const health = [tokenizer, scorer, optimizer].map(({ address }) => new HealthClient(address));
  const within = (timeoutMs: number) => ({ timeoutMs });
  const unary = within(CALL_TIMEOUT_MS);
  const calls: Record<FuzzedMethod, (request: never) => Promise<unknown>> = {
    encode: (request) => clients.tokenizer.encode(request, unary),
    decode: (request) => clients.tokenizer.decode(request, unary),
    applyChatTemplate: (request) => clients.tokenizer.applyChatTemplate(request, unary),
    score: (request) => clients.scorer.score(request, unary),
    gradient: (request) => Array.fromAsync(clients.scorer.gradient(withPolicy(request, version), unary)),
    getPolicy: (request) => Array.fromAsync(clients.optimizer.getPolicy(request, unary)),
    watchSteps: (request) => Array.fromAsync(clients.optimizer.watchSteps(request, within(WATCH_TIMEOUT_MS))),
    export: (request) => clients.optimizer.export(request, unary),
  };
  let runs = 0;
  return {
    async call(method, request) {
      try {
        await calls[method](Buffer.from(request) as never);
      } catch (error) {
        if (!(method === 'watchSteps' && error instanceof AlphapoError && error.code === 'deadline-exceeded'))
          throw error;
      }
      await Promise.all(health.map((client) => client.check()));
    },
    train: (batch) => trainOn(batch, join(root, `run-${++runs}`), { model, specification, scorers: [scorer.address] }),
  };
}

interface Training {
  readonly model: string;
  readonly specification: RunSpecification;
  readonly scorers: readonly string[];
}

function optimizerConfig(folder: string, { model, specification, scorers }: Training) {
  return {
    ...{ model, specification, topics, address: LOOPBACK },
    ...{ checkpointFolder: join(folder, 'checkpoints'), exportFolder: join(folder, 'exports') },
    ...{ checkpointEvery: 100, checkpointsKept: { newest: 1 }, shardTimeoutMs: CALL_TIMEOUT_MS },
    discoverScorers: async () => scorers,
  };
}

async function trainOn(batch: Uint8Array, folder: string, training: Training): Promise<void> {
  await using log: EventLog = openEmbeddedEventLog({ path: `${folder}.sqlite` });
  try {
    await using optimizer = await startOptimizer(optimizerConfig(folder, training), log, logger, unstopped);
    // Where the bytes in question are accepted, but hold no pair, the run's only step is taken on the batch after them.
    const next = PreferenceBatch.encode(goodBatch(training.specification)).finish();
    await log.append([batch, next].map((value) => ({ topic: topics.preferenceBatches, partition: 0, value })));
    await optimizer.train(AbortSignal.timeout(CALL_TIMEOUT_MS));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${folder}.sqlite${suffix}`, { force: true });
  }
}

/** A service whose requests are bytes that are sent as they are. */
function taking<S extends ProtoService>(service: S): S {
  const requestType = { encode: (bytes: unknown) => ({ finish: () => bytes }), fromPartial: (bytes: unknown) => bytes };
  const methods = Object.entries(service.methods).map(([name, method]) => [name, { ...method, requestType }]);
  return { ...service, methods: Object.fromEntries(methods) };
}

/** The request with this policy behind it: the last one counts. */
function withPolicy(request: Uint8Array, version: PolicyVersion): never {
  return Buffer.concat([
    request,
    GradientRequest.encode(GradientRequest.fromPartial({ policy: version })).finish(),
  ]) as never;
}
