import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { objectiveToWire, ScorerServiceDefinition } from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { startScorer } from '@alphapo/scorer';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo } from './kafka-run.ts';
import { CALL, LOOPBACK, pairs, silent, smallModel, startRun } from './services.fixture.ts';

/** Runs whose objective compares with a model of its own. */

const PAIRS = pairs(16);
const DPO = { objective: 'dpo', full: true, batchSize: 8, steps: 2, learningRate: 1e-4 } as const;

let model: string;
let reference: string;
beforeAll(async () => {
  [model, reference] = [await smallModel(7), await smallModel(8)];
});

test('all weights are compared with the reference model, and another one is another run', async () => {
  await using own = await startRun(model, DPO);
  await using given = await startRun(model, DPO, reference);
  await using itself = await startRun(model, DPO, model);
  const ids = [own, given, itself].map(({ optimizer }) => optimizer.trainer.run.id);
  expect(new Set(ids).size).toBe(2);
  expect(ids[2]).toBe(ids[0]);
  await own.train(PAIRS);
  await given.train(PAIRS);
  const [first, other] = [own, given].map(({ optimizer }) => optimizer.steps.steps[0]);
  expect(first).toMatchObject({ loss: Math.LN2, rewardChosen: 0, rewardRejected: 0 });
  expect(other?.loss).not.toBeCloseTo(Math.LN2, 3);
  expect(other?.meanLogProbChosen).toBe(first?.meanLogProbChosen);
});

test('a scorer that compares with another model is refused, and does not change the weights', async () => {
  await using undisturbed = await startRun(model, DPO, reference);
  const expected = await undisturbed.train(PAIRS);
  await using run = await startRun(model, DPO, reference);
  await using other = await startScorer(
    { model, address: LOOPBACK, optimizerAddress: run.optimizer.address, executionProvider: 'cpu', threads: 1 },
    silent,
  );
  run.scorers.unshift(other.address);
  expect(await run.train(PAIRS)).toBe(expected);
  using connection = connect(ScorerServiceDefinition, other.address);
  const described = await connection.describeScorer({}, CALL);
  expect(described.referenceModelDigest).toBe(described.modelDigest);
  const { trainer } = run.optimizer;
  const request = {
    runId: trainer.run.id,
    step: 1n,
    shard: 0,
    policy: { runId: trainer.run.id, step: BigInt(trainer.policy.step), digest: trainer.policy.digest },
    objective: objectiveToWire(trainer.run.specification.objective),
    pairs: [
      {
        ...{ id: 'a', prompt: [5], chosen: [6], rejected: [7], sourceOffset: 0n },
        ...{ truncatedPromptTokens: 0, truncatedChosenTokens: 0, truncatedRejectedTokens: 0 },
      },
    ],
    batchPairs: 1,
    batchChosenTokens: 1,
    dtype: '',
    referenceModelDigest: trainer.run.referenceDigest ?? '',
    compute: undefined,
  };
  await expect(Array.fromAsync(connection.gradient(request, CALL))).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'REFERENCE_MISMATCH',
  });
  const nll = objectiveToWire({ kind: 'cpo', beta: 0.1, nll: { weight: 1, average: 'tokens' } });
  const short = { ...request, objective: nll, batchChosenTokens: 0 };
  await expect(Array.fromAsync(connection.gradient(short, CALL))).rejects.toMatchObject({
    code: 'invalid-argument',
    metadata: expect.objectContaining({ field: 'batch_chosen_tokens' }),
  });
});

test('a reference model is refused where the objective compares with none', async () => {
  await expect(startRun(model, { objective: 'orpo' }, reference)).rejects.toMatchObject({
    code: 'invalid-argument',
    reason: 'NO_REFERENCE',
  });
});

describe('alphapo train', () => {
  const train = (out: string, data: string, ...options: string[]) =>
    alphapo(
      ...['train', '--model', model, '--data', data, '--out', out, '--threads', '1', '--full'],
      ...['--objective', 'ipo', '--batch-size', '8', '--eval-fraction', '0.25', ...options],
    );

  test('takes a reference model, and goes on with the same one only', async () => {
    const folder = await temporaryFolder();
    const [data, out] = [join(folder, 'pairs.jsonl'), join(folder, 'run')];
    await writeFile(data, PAIRS.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
    await train(out, data, '--reference-model', reference);
    const summary = JSON.parse(await readFile(join(out, 'summary.json'), 'utf8'));
    expect(summary.specification.objective).toEqual({ kind: 'ipo', beta: 0.1, logProb: 'mean', reference: 'base' });
    expect(summary.firstStep.rewardChosen).not.toBeCloseTo(0, 4);
    // The run remembers it.
    await train(out, data, '--resume');
    expect(process.exitCode).toBeUndefined();
    await train(out, data, '--resume', '--reference-model', model);
    expect(process.exitCode).toBe(1);
    process.exitCode = undefined;
  });
});
