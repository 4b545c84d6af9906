import { type FloatTensors, floatTensor } from '@alphapo/base';
import { DEFAULT_COMPUTE } from '@alphapo/contracts';
import { batchTotals, type Engine, openEngine, type PairOutcome, type PairTokens } from '@alphapo/engine';
import { adamW, addInto, clipScale, globalNorm, initialAdamWState, learningRateAt } from '@alphapo/optim';
import { openSafetensors } from '@alphapo/safetensors';
import { describeShared } from '../support/shared-data.ts';
import { Comparison, largest, largestDifference, relativeL2, without } from './comparison.ts';
import { goldenPath, readJson, type Tolerance, type ZeroGradientRanges } from './golden-files.ts';
import { CPU, fullStart, load, loadedAs, loraStart, type Start } from './policies.ts';

interface GoldenStep {
  readonly lr: number;
  readonly loss: number;
  readonly grad_norm: number;
  readonly loss_per_pair: readonly number[];
  readonly reward_chosen: number;
  readonly reward_rejected: number;
  readonly margin: number;
  readonly accuracy: number;
  readonly mean_logprob_chosen: number;
  readonly mean_logprob_rejected: number;
}

interface GoldenRun {
  /** Folder of the model, and of the adapter that a LoRA run starts from, relative to train/. */
  readonly model: string;
  readonly method: 'full' | 'lora' | 'lora_fresh';
  readonly start: string;
  readonly params: { readonly alpha: number; readonly beta: number; readonly gamma: number };
  readonly steps: number;
  readonly optimizer: {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly warmup_steps: number;
    readonly max_grad_norm: number;
  };
  readonly pairs: readonly (PairTokens & { readonly id: number })[];
  readonly batches: readonly (readonly number[])[];
  readonly log: readonly GoldenStep[];
  readonly final: {
    readonly loss: number;
    readonly mean_logprob_chosen: readonly number[];
    readonly mean_logprob_rejected: readonly number[];
    readonly accuracy: number;
  };
  readonly final_weights: string;
  readonly checksums: Readonly<Record<string, { readonly sum: number; readonly l2: number; readonly abs_max: number }>>;
  readonly zero_gradient_ranges: ZeroGradientRanges;
  readonly tolerance: Readonly<
    Record<
      'loss_abs' | 'grad_norm_rel' | 'margin_abs' | 'mean_logprob_abs' | 'final_weight_abs' | 'final_weight_rel_l2',
      Tolerance
    >
  >;
}

const RUNS = ['full', 'full_gpt2', 'lora', 'lora_fresh'] as const;
const SHARDS = [1, 2] as const;

const startOfRun = (run: GoldenRun): Promise<Start> =>
  run.method === 'full' ? fullStart(goldenPath('train', run.model)) : loraStart(goldenPath('train', run.start));

const objectiveOfRun = ({ params }: GoldenRun) => ({ kind: 'alphapo', ...params }) as const;

/** The gradient of a batch in shards of equal size, summed in their order, and what the forward pass said. */
async function batchGradient(engine: Engine, run: GoldenRun, batch: readonly PairTokens[], shards: number) {
  const total = new Map<string, ReturnType<typeof floatTensor>>();
  const outcomes: PairOutcome[] = [];
  const size = batch.length / shards;
  for (let shard = 0; shard < shards; shard++) {
    const { gradient, pairs } = await engine.gradient({
      pairs: batch.slice(shard * size, (shard + 1) * size),
      ...batchTotals(batch),
      objective: objectiveOfRun(run),
      policyDigest: 'now',
      compute: DEFAULT_COMPUTE,
    });
    outcomes.push(...pairs);
    if (total.size === 0) for (const [name, tensor] of gradient) total.set(name, tensor);
    else await addInto(total, gradient);
  }
  return { gradient: total, outcomes };
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const accuracy = (outcomes: readonly PairOutcome[]): number => mean(outcomes.map(({ margin }) => (margin > 0 ? 1 : 0)));

function compareStep(
  outcomes: readonly PairOutcome[],
  { run, step, expected }: { readonly run: GoldenRun; readonly step: number; readonly expected: GoldenStep },
  compared: Comparison,
): void {
  const place = `step ${step}`;
  const { loss_abs, margin_abs, mean_logprob_abs } = run.tolerance;
  const close = (name: string, actual: number, reference: number, tolerance: Tolerance) =>
    compared.absolute(name, actual, reference, tolerance.suggested, place);
  close('loss', mean(outcomes.map(({ loss }) => loss)), expected.loss, loss_abs);
  expected.loss_per_pair.forEach((loss, p) => {
    // A pair weighs 1 / P in the loss that the tolerance is of.
    const tolerance = loss_abs.suggested * outcomes.length;
    compared.absolute('loss of a pair', outcomes[p]?.loss, loss, tolerance, `${place}, pair ${p}`);
  });
  close('reward', mean(outcomes.map(({ rewardChosen }) => rewardChosen)), expected.reward_chosen, margin_abs);
  close('reward', mean(outcomes.map(({ rewardRejected }) => rewardRejected)), expected.reward_rejected, margin_abs);
  close('margin', mean(outcomes.map(({ margin }) => margin)), expected.margin, margin_abs);
  const { mean_logprob_chosen, mean_logprob_rejected } = expected;
  close('log-probability', mean(outcomes.map(({ chosen }) => chosen.mean)), mean_logprob_chosen, mean_logprob_abs);
  close(
    'log-probability',
    mean(outcomes.map(({ rejected }) => rejected.mean)),
    mean_logprob_rejected,
    mean_logprob_abs,
  );
  compared.absolute('accuracy', accuracy(outcomes), expected.accuracy, 0, place);
}

async function compareFinalWeights(parameters: FloatTensors, run: GoldenRun, compared: Comparison): Promise<void> {
  const expected = await openSafetensors(goldenPath('train', run.final_weights));
  expect([...parameters.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
  const [absolute, l2] = [run.tolerance.final_weight_abs.suggested, run.tolerance.final_weight_rel_l2.suggested];
  for (const [name, { data }] of parameters) {
    const leftOut = run.zero_gradient_ranges[name];
    const [actual, reference] = [without(data, leftOut), without(await expected.readFloat64(name), leftOut)];
    expect(actual).toHaveLength(reference.length);
    compared.difference('final weight', largestDifference(actual, reference), absolute, name);
    compared.difference('final tensor, relative L2', relativeL2(actual, reference), l2, name);
    const checksum = run.checksums[name];
    if (leftOut !== undefined || checksum === undefined) continue;
    const sum = data.reduce((total, x) => total + x, 0);
    // Differences of many elements add up like their root where they are independent.
    compared.absolute('checksum: sum', sum, checksum.sum, absolute * Math.sqrt(data.length), name);
    const norm = await globalNorm(new Map([[name, floatTensor([data.length], data)]]));
    compared.relative('checksum: norm', norm, checksum.l2, l2, { floor: 0, place: name });
    compared.absolute('checksum: largest', largest(data), checksum.abs_max, absolute, name);
  }
}

function compareEvaluation(outcomes: readonly PairOutcome[], run: GoldenRun, compared: Comparison): void {
  const { final, tolerance } = run;
  compared.absolute('final loss', mean(outcomes.map(({ loss }) => loss)), final.loss, tolerance.loss_abs.suggested);
  compared.absolute('final accuracy', accuracy(outcomes), final.accuracy, 0);
  outcomes.forEach(({ chosen, rejected }, p) => {
    const close = (actual: number, expected: number | undefined) =>
      compared.absolute(
        'final log-probability',
        actual,
        expected ?? Number.NaN,
        tolerance.mean_logprob_abs.suggested,
        `pair ${p}`,
      );
    close(chosen.mean, final.mean_logprob_chosen[p]);
    close(rejected.mean, final.mean_logprob_rejected[p]);
  });
}

describeShared('golden/train', () => {
  const cases = RUNS.flatMap((name) => SHARDS.map((shards) => [name, shards] as const));
  test.each(cases)('the run %s, its batches cut in %i, follows the reference for 20 steps', async (name, shards) => {
    const run = await readJson<GoldenRun>('train', `${name}.json`);
    const { method, tensors: parameters } = await startOfRun(run);
    const adam = initialAdamWState(parameters);
    const { lr, betas, eps, weight_decay, warmup_steps, max_grad_norm } = run.optimizer;
    const settings = { beta1: betas[0], beta2: betas[1], epsilon: eps, weightDecay: weight_decay };
    const schedule = { kind: 'cosine', warmupSteps: warmup_steps, totalSteps: run.steps } as const;
    const byId = new Map(run.pairs.map((pair) => [pair.id, pair]));
    const compared = new Comparison();
    expect(run.log).toHaveLength(run.steps);
    await using engine = await openEngine(goldenPath('train', run.model), CPU);
    for (const [i, expected] of run.log.entries()) {
      await load(engine, 'now', { method, tensors: parameters });
      const ids = run.batches[i % run.batches.length] as readonly number[];
      const batch = ids.map((id) => byId.get(id) as PairTokens);
      const { gradient, outcomes } = await batchGradient(engine, run, batch, shards);
      const norm = await globalNorm(gradient);
      const learningRate = learningRateAt(schedule, lr, i + 1);
      compareStep(outcomes, { run, step: i + 1, expected }, compared);
      compared.relative('gradient norm', norm, expected.grad_norm, run.tolerance.grad_norm_rel.suggested, {
        floor: 0,
        place: `step ${i + 1}`,
      });
      compared.relative('learning rate', learningRate, expected.lr, 1e-14, { floor: lr });
      await adamW(parameters, gradient, adam, {
        learningRate,
        gradientScale: clipScale(norm, max_grad_norm),
        settings,
      });
    }
    await compareFinalWeights(parameters, run, compared);
    await load(engine, 'now', { method, tensors: parameters });
    const objective = objectiveOfRun(run);
    compareEvaluation(await engine.scorePairs(run.pairs, loadedAs('now'), { objective }), run, compared);
    compared.expectWithinTolerance();
  });
});
