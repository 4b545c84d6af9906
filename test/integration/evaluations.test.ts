import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, type ErrorCode } from '@alphapo/base';
import {
  evaluationRecordSchema,
  type GenerateRequest,
  type GradientRequest,
  OptimizerServiceDefinition,
  RUN_HEADER,
  type RunSettings,
  SamplerServiceDefinition,
  ScorerServiceDefinition,
} from '@alphapo/contracts';
import type { EvaluationConfig, RunningOptimizer } from '@alphapo/optimizer';
import { connect, Handlers, RpcServer } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { startTestSampler } from './sampler.fixture.ts';
import {
  CALL,
  LOOPBACK,
  pairs,
  produce,
  recordsOf,
  silent,
  smallModel,
  startRun,
  type TestRun,
  topics,
  until,
} from './services.fixture.ts';

/** Evaluations of a run: held-out pairs by its scorers, answers by a sampler, over gRPC and in the log. */

const bytes = (text: string) => [...Buffer.from(text)].map((byte) => byte + 3);
const heldOut = pairs(40)
  .slice(34)
  .map(({ id, prompt, chosen, rejected }) => ({
    ...{ id, prompt: [0, ...bytes(prompt)], chosen: [...bytes(chosen), 1], rejected: [...bytes(rejected), 1] },
    weight: undefined,
  }));
const PROMPTS = [4, 7, 12].map((n) => ({
  id: `prompt-${n}`,
  text: `After ${n}:`,
  tokens: [0, ...bytes(`After ${n}:`)],
}));

interface Evaluated {
  readonly run: TestRun;
  readonly optimizer: RunningOptimizer;
  readonly events: { readonly event: string; readonly [field: string]: unknown }[];
  /** The same run, from the same checkpoints or others, evaluated in the same way or another. */
  again(evaluation?: Partial<EvaluationConfig>, checkpointFolder?: string): Promise<RunningOptimizer>;
}

/** What stands between a run and its scorer and sampler; by default nothing. */
interface Between {
  readonly samplerAfterMs?: number;
  readonly sampler?: (address: string) => Promise<Served>;
  /** A further scorer, which is asked first. */
  readonly firstScorer?: (address: string) => Promise<Served>;
}
type Served = AsyncDisposable & { readonly address: string };

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

/** Calls `work` with a run whose optimizer evaluates. */
async function evaluatedRun(
  settings: Partial<RunSettings>,
  evaluation: Partial<EvaluationConfig>,
  work: (evaluated: Evaluated) => Promise<void>,
  between: Between = {},
): Promise<void> {
  await using run = await startRun(model, settings);
  const events: Evaluated['events'] = [];
  const logger = createLogger({ service: 'test', stream: { write: (line) => void events.push(JSON.parse(line)) } });
  // Nothing listens there.
  let sampler = '127.0.0.1:1';
  const config: EvaluationConfig = {
    ...{ every: 2, pairs: heldOut, prompts: PROMPTS, maxAnswerTokens: 8, stopOnCollapse: false },
    findSampler: () => sampler,
    ...evaluation,
  };
  await using opened = new AsyncDisposableStack();
  const start = async (other: Partial<EvaluationConfig> = {}, checkpointFolder = run.checkpointFolder) => {
    const evaluated = { ...config, ...other };
    const optimizer = await run.startOptimizer({ evaluation: evaluated, checkpointFolder }, logger);
    const scorer = opened.use(await run.startScorer(optimizer.address));
    const first = opened.use(await between.firstScorer?.(scorer.address));
    run.scorers.splice(0, run.scorers.length, ...(first ? [first.address] : []), scorer.address);
    const served = opened.use(await startTestSampler(model, { optimizerAddress: optimizer.address }));
    const asked = opened.use(await between.sampler?.(served.address)) ?? served;
    setTimeout(() => {
      sampler = asked.address;
    }, between.samplerAfterMs ?? 0);
    return optimizer;
  };
  await work({ run, optimizer: await start(), events, again: start });
}

/** A server of what stands between; it owns what was opened. */
async function serving(
  opened: AsyncDisposableStack,
  service: Parameters<typeof RpcServer.start>[0]['services'][number],
  handlers: Handlers,
): Promise<Served> {
  const server = opened.use(
    await RpcServer.start({ address: LOOPBACK, services: [service], handlers, drainMs: 1_000 }),
  );
  const owned = opened.move();
  return { address: server.address, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function train({ run }: Evaluated, optimizer: RunningOptimizer): Promise<void> {
  const stop = new AbortController();
  const consuming = run.tokenizer.consume(stop.signal);
  await optimizer.train(stop.signal).finally(() => stop.abort());
  await consuming;
}

const recordsIn = async ({ run }: Evaluated) =>
  (await recordsOf(run.log, topics.evaluations)).map(({ value }) =>
    evaluationRecordSchema.parse(JSON.parse(Buffer.from(value ?? []).toString())),
  );

test('a policy is evaluated before the first step, every so many, and after the last: in the log, over gRPC, as an event', async () => {
  await evaluatedRun({ learningRate: 0.05, steps: 5 }, {}, async (evaluated) => {
    const { run, optimizer, events } = evaluated;
    await produce(run.log, pairs(20));
    using connection = connect(OptimizerServiceDefinition, optimizer.address);
    const watching = Array.fromAsync(connection.watchEvaluations({ fromStep: 0n }, CALL));
    await train(evaluated, optimizer);
    const records = await recordsIn(evaluated);
    expect(records.map(({ step }) => step)).toEqual([0, 2, 4, 5]);
    const [first, , , last] = records;
    expect(first?.answers).toMatchObject({ prompts: 3, judged: 0, divergence: expect.closeTo(0, 4) });
    expect(last?.answers?.divergence).toBeGreaterThan(0);
    expect(last?.answers?.answers.map(({ id }) => id)).toEqual(PROMPTS.map(({ id }) => id));
    expect(last?.evaluation?.margin).toBeGreaterThan(first?.evaluation?.margin as number);
    expect(last?.policyDigest).toBe(optimizer.trainer.policy.digest);
    const messages = await watching;
    expect(messages.map(({ step }) => step)).toEqual([0n, 2n, 4n, 5n]);
    expect(messages.at(-1)).toMatchObject({
      pairs: { pairs: 6, margin: last?.evaluation?.margin },
      answers: { prompts: 3, answers: last?.answers?.answers.map(({ text }) => ({ text })) },
    });
    const told = events.filter(({ event }) => event === 'policy.evaluated');
    expect(told.map(({ step }) => step)).toEqual([0, 2, 4, 5]);
    expect(JSON.stringify(told)).not.toContain(JSON.stringify(last?.answers?.answers[0]?.text));
  });
});

test('the weights are those of a run that is not evaluated', async () => {
  await using plain = await startRun(model, { steps: 4 });
  const expected = await plain.train(pairs(16));
  await evaluatedRun({ steps: 4 }, { every: 1 }, async (evaluated) => {
    await produce(evaluated.run.log, pairs(16));
    await train(evaluated, evaluated.optimizer);
    expect(evaluated.optimizer.trainer.policy.digest).toBe(expected);
  });
});

test('an optimizer that is started again evaluates what is missing, and nothing twice', async () => {
  await evaluatedRun({ steps: 6 }, {}, async (evaluated) => {
    const { run, optimizer, again } = evaluated;
    await produce(run.log, pairs(24));
    const stop = new AbortController();
    const consuming = run.tokenizer.consume(stop.signal);
    const training = optimizer.train(stop.signal);
    await until(async () => (await recordsIn(evaluated)).length >= 2);
    stop.abort();
    await Promise.all([training, consuming]);
    await train(evaluated, await again());
    const steps = (await recordsIn(evaluated)).map(({ step }) => step);
    expect(steps).toEqual([0, 2, 4, 6]);
    // And an end that was evaluated is not evaluated again.
    await train(evaluated, await again());
    expect(await recordsIn(evaluated)).toHaveLength(4);
  });
});

test('a sampler that is away is waited for, and the status says so', async () => {
  const late = 1500;
  await evaluatedRun(
    { steps: 2 },
    { every: 0, pairs: [] },
    async (evaluated) => {
      const { run, optimizer, events } = evaluated;
      await produce(run.log, pairs(8));
      const training = train(evaluated, optimizer);
      using connection = connect(OptimizerServiceDefinition, optimizer.address);
      await until(async () =>
        (await connection.getStatus({}, CALL)).message.includes('evaluating after step 0; waiting'),
      );
      expect(events.filter(({ event }) => event === 'evaluation.awaited')).toMatchObject([
        { level: 'warn', error: expect.stringContaining('127.0.0.1:1') },
      ]);
      await training;
      expect(await recordsIn(evaluated)).toMatchObject([{ step: 0 }, { step: 2 }]);
    },
    { samplerAfterMs: late },
  );
}, 60_000);

test.each<[ErrorCode, string]>([
  ['resource-exhausted', 'QUEUE_FULL'],
  ['deadline-exceeded', 'DEADLINE_EXCEEDED'],
  ['failed-precondition', 'POLICY_NOT_LOADED'],
])('a sampler that is busy is waited for: %s', async (code, reason) => {
  let calls = 0;
  const sampler = async (address: string) => {
    await using opened = new AsyncDisposableStack();
    const upstream = opened.use(connect(SamplerServiceDefinition, address));
    const handlers = new Handlers(silent);
    const implementation = {
      describeSampler: handlers.unary(() => upstream.describeSampler({}, CALL)),
      generate: handlers.serverStream((request: GenerateRequest, { signal }) => {
        if (calls++ % 2 === 0) throw new AlphapoError(code, reason, 'later');
        return upstream.generate(request, { ...CALL, signal });
      }),
    };
    return await serving(opened, { definition: SamplerServiceDefinition, implementation }, handlers);
  };
  await evaluatedRun(
    { steps: 1 },
    { every: 0, pairs: [] },
    async (evaluated) => {
      await produce(evaluated.run.log, pairs(4));
      await train(evaluated, evaluated.optimizer);
      expect(await recordsIn(evaluated)).toMatchObject([{ step: 0 }, { step: 1 }]);
    },
    { sampler },
  );
  expect(calls).toBeGreaterThan(4);
});

test.each<[ErrorCode, string]>([
  ['internal', 'DEVICE_MEMORY'],
  ['data-loss', 'POLICY_DAMAGED'],
  ['failed-precondition', 'MODEL_MISMATCH'],
])('a scorer that fails is not asked for ever where there is another one: %s', async (code, reason) => {
  let calls = 0;
  const firstScorer = async (address: string) => {
    await using opened = new AsyncDisposableStack();
    const upstream = opened.use(connect(ScorerServiceDefinition, address));
    const handlers = new Handlers(silent);
    const implementation = {
      describeScorer: handlers.unary(() => upstream.describeScorer({}, CALL)),
      score: handlers.unary(async () => {
        calls++;
        throw new AlphapoError(code, reason, 'this scorer is broken');
      }),
      gradient: handlers.serverStream((request: GradientRequest, { signal }) =>
        upstream.gradient(request, { ...CALL, signal }),
      ),
    };
    return await serving(opened, { definition: ScorerServiceDefinition, implementation }, handlers);
  };
  await evaluatedRun(
    { steps: 1 },
    { every: 0, prompts: [] },
    async (evaluated) => {
      await produce(evaluated.run.log, pairs(4));
      await train(evaluated, evaluated.optimizer);
      expect(await recordsIn(evaluated)).toMatchObject([{ step: 0 }, { step: 1 }]);
    },
    { firstScorer },
  );
  expect(calls).toBeGreaterThan(0);
});

test('evaluations on other data, and what is none, do not count: evaluating begins anew', async () => {
  await evaluatedRun({ steps: 4 }, { every: 3 }, async (evaluated) => {
    const { run, optimizer, events, again } = evaluated;
    const { id } = optimizer.trainer.run;
    const garbage = { topic: topics.evaluations, partition: 0, key: id, headers: { [RUN_HEADER]: id }, value: '{}' };
    await run.log.append([garbage]);
    await produce(run.log, pairs(16));
    const stop = new AbortController();
    const consuming = run.tokenizer.consume(stop.signal);
    const training = optimizer.train(stop.signal);
    await until(async () => optimizer.trainer.policy.step >= 1);
    stop.abort();
    await Promise.all([training, consuming]);
    const begun = optimizer.trainer.policy.step;
    const second = await again({ maxAnswerTokens: 4 });
    expect(second.evaluations?.steps).toEqual([]);
    await train(evaluated, second);
    const steps = second.evaluations?.steps.map(({ step }) => step);
    expect(steps).toEqual([...new Set([begun, ...(begun < 3 ? [3] : []), 4])]);
    const passedOver = events.filter(({ event }) => event === 'evaluation.passed-over');
    expect(passedOver.map(({ reason }) => reason)).toEqual([
      'unreadable',
      ...passedOver.slice(1).map(() => 'other-data'),
    ]);
    expect(passedOver.length).toBeGreaterThan(1);
  });
});

describe('a run that breaks its model', () => {
  /** What the model says before training counts as right: any change is for the worse. */
  async function promptsAnsweredRight() {
    await using sampler = await startTestSampler(model);
    return await Promise.all(
      PROMPTS.map(async (prompt) => {
        const request = {
          ...{ prompts: [{ id: '', prompt: { $case: 'tokens' as const, value: { ids: prompt.tokens } } }] },
          ...{ policy: undefined, sampling: undefined, maxTokens: 8, continuations: 1, seed: 0, stop: [] },
          ...{ ignoreEnd: false, alone: false, pieces: false, topLogProbs: 0 },
        };
        const parts = await Array.fromAsync(sampler.connection.generate(request, CALL));
        const texts = parts.flatMap(({ part }) => (part?.$case === 'continuation' ? [part.value.text] : []));
        return { ...prompt, answer: texts.map((exact) => ({ exact })) as [{ exact: string }] };
      }),
    );
  }

  test('is told of; with stopOnCollapse it ends there, also when started again, and the best policy is exported', async () => {
    const settings = { steps: 8, learningRate: 0.3 };
    const evaluation = { pairs: [], prompts: await promptsAnsweredRight(), stopOnCollapse: true };
    await evaluatedRun(settings, evaluation, async (evaluated) => {
      const { run, optimizer, events, again } = evaluated;
      await produce(run.log, pairs(32));
      await train(evaluated, optimizer);
      expect((await recordsIn(evaluated)).map(({ step, answers }) => [step, answers?.right === 1])).toEqual([
        [0, true],
        [2, false],
      ]);
      expect(events).toContainEqual(expect.objectContaining({ event: 'run.harms', kind: 'wrong', step: 2 }));
      const message = /^ended at step 2, because the model collapsed at step 2: fewer answers are right.* step 0$/;
      expect(optimizer.trainer.status).toMatchObject({ state: 'finished', message: expect.stringMatching(message) });
      const best = JSON.parse(await readFile(join(run.folder, 'exports', 'best', 'alphapo.json'), 'utf8'));
      expect(best).toMatchObject({ step: 0 });
      const second = await again();
      await train(evaluated, second);
      expect(second.trainer.status).toMatchObject({ state: 'finished', message: expect.stringMatching(message) });
      expect(second.trainer.policy.step).toBe(2);
      // As after a crash before the last checkpoint: the steps are taken again, up to the same end.
      const third = await again({}, join(run.folder, 'other-checkpoints'));
      expect(third.trainer.policy.step).toBe(0);
      await train(evaluated, third);
      expect(third.trainer.status).toMatchObject({ state: 'finished', message: expect.stringMatching(message) });
      expect(third.trainer.policy.digest).toBe(second.trainer.policy.digest);
    });
  });

  test('is told of where it breaks it with the last step', async () => {
    const evaluation = { pairs: [], prompts: await promptsAnsweredRight(), stopOnCollapse: true };
    await evaluatedRun({ steps: 2, learningRate: 0.3 }, evaluation, async (evaluated) => {
      await produce(evaluated.run.log, pairs(8));
      await train(evaluated, evaluated.optimizer);
      const { status } = evaluated.optimizer.trainer;
      expect(status).toMatchObject({
        state: 'finished',
        message: expect.stringMatching(/collapsed at step 2.* step 0$/),
      });
    });
  });

  test('without the policy from before says so', async () => {
    const evaluation = { pairs: [], prompts: await promptsAnsweredRight() };
    await evaluatedRun({ steps: 4, learningRate: 0.3 }, evaluation, async (evaluated) => {
      await produce(evaluated.run.log, pairs(16));
      await train(evaluated, evaluated.optimizer);
      const second = await evaluated.again({ stopOnCollapse: true });
      await train(evaluated, second);
      expect(second.trainer.status.message).toMatch(/collapsed at step 2.*no policy from before was exported/);
    });
  });

  test('goes on without it', async () => {
    const evaluation = { pairs: [], prompts: await promptsAnsweredRight() };
    await evaluatedRun({ steps: 4, learningRate: 0.3 }, evaluation, async (evaluated) => {
      await produce(evaluated.run.log, pairs(16));
      await train(evaluated, evaluated.optimizer);
      expect(evaluated.optimizer.trainer.policy.step).toBe(4);
      expect(evaluated.events.find(({ event }) => event === 'run.harms')).toMatchObject({ kind: 'wrong', step: 2 });
    });
  });
});
