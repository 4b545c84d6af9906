import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluationRecordSchema, OptimizerServiceDefinition, type RunSettings } from '@alphapo/contracts';
import type { EvaluationConfig, RunningOptimizer } from '@alphapo/optimizer';
import { connect } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { startTestSampler } from './sampler.fixture.ts';
import {
  CALL,
  pairs,
  produce,
  recordsOf,
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
  /** The same run, from the same checkpoints. */
  again(): Promise<RunningOptimizer>;
}

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

/** Calls `work` with a run whose optimizer evaluates; its sampler is found `samplerAfterMs` later. */
async function evaluatedRun(
  settings: Partial<RunSettings>,
  evaluation: Partial<EvaluationConfig>,
  work: (evaluated: Evaluated) => Promise<void>,
  samplerAfterMs = 0,
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
  const start = async () => {
    const optimizer = await run.startOptimizer({ evaluation: config, checkpointFolder: run.checkpointFolder }, logger);
    const scorer = opened.use(await run.startScorer(optimizer.address));
    run.scorers.splice(0, run.scorers.length, scorer.address);
    const served = opened.use(await startTestSampler(model, { optimizerAddress: optimizer.address }));
    setTimeout(() => {
      sampler = served.address;
    }, samplerAfterMs);
    return optimizer;
  };
  await work({ run, optimizer: await start(), events, again: start });
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
    late,
  );
}, 60_000);

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
