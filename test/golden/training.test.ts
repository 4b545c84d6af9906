import type { FloatTensors } from '@alphapo/base';
import { type Engine, openEngine, type PairTokens } from '@alphapo/engine';
import { adamW, addInto, clipScale, globalNorm, initialAdamWState, learningRateAt } from '@alphapo/optim';
import { openSafetensors } from '@alphapo/safetensors';
import { describeShared } from '../shared-data.ts';
import { goldenPath, readJson, relativeL2 } from './golden-files.ts';
import { CPU, copyOf, fullStart, load, loraStart, type Start } from './policies.ts';

interface Suggested {
  readonly suggested: number;
}

interface GoldenRun {
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
    readonly max_grad_norm?: number;
  };
  readonly pairs: readonly (PairTokens & { readonly id: number })[];
  readonly batches: readonly (readonly number[])[];
  readonly log: readonly {
    readonly lr: number;
    readonly loss: number;
    readonly grad_norm: number;
    readonly margin: number;
    readonly accuracy: number;
    readonly mean_logprob_chosen: number;
    readonly mean_logprob_rejected: number;
  }[];
  readonly final_weights: string;
  readonly zero_gradient_ranges: Readonly<Record<string, readonly [number, number]>> | null;
  readonly tolerance: Readonly<
    Record<'loss_abs' | 'grad_norm_rel' | 'margin_abs' | 'mean_logprob_abs' | 'final_weight_rel_l2', Suggested>
  >;
}

const RUNS = ['lora', 'lora_fresh', 'full', 'full_gpt2'] as const;

async function startOfRun(name: string, run: GoldenRun): Promise<Start> {
  if (run.method === 'full') return fullStart(goldenPath('train', run.model));
  return loraStart(goldenPath('train', run.method === 'lora' ? run.start : `${name}.adapter`));
}

/** The gradient of a batch in `count` shards, summed in their order, and what the forward pass said. */
async function batchGradient(engine: Engine, run: GoldenRun, batch: readonly PairTokens[], count: number) {
  const size = batch.length / count;
  const parts = [];
  for (let shard = 0; shard < count; shard++) {
    const pairs = batch.slice(shard * size, (shard + 1) * size);
    const objective = { kind: 'alphapo', ...run.params } as const;
    parts.push(await engine.gradient({ pairs, batchPairs: batch.length, objective, policyDigest: 'now' }));
  }
  const [first, ...others] = parts;
  const gradient = first?.gradient as FloatTensors;
  for (const other of others) addInto(gradient, other.gradient);
  return { gradient, outcomes: parts.flatMap(({ pairs }) => pairs) };
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

describeShared('golden/train', () => {
  const cases = RUNS.flatMap((name) => [1, 2].map((shards) => [name, shards] as const));
  test.each(cases)('the run %s in %i shards follows the reference for 20 steps', async (name, shards) => {
    const run = await readJson<GoldenRun>('train', `${name}.json`);
    const start = await startOfRun(name, run);
    const parameters = copyOf(start.tensors);
    const adam = initialAdamWState(parameters);
    const { lr, betas, eps, weight_decay, warmup_steps, max_grad_norm = 1 } = run.optimizer;
    const settings = { beta1: betas[0], beta2: betas[1], epsilon: eps, weightDecay: weight_decay };
    const schedule = { kind: 'cosine', warmupSteps: warmup_steps, totalSteps: run.steps } as const;
    const byId = new Map(run.pairs.map((pair) => [pair.id, pair]));
    await using engine = await openEngine(goldenPath('train', run.model), CPU);
    const { tolerance } = run;
    for (const [i, expected] of run.log.entries()) {
      const ids = run.batches[i % run.batches.length] as readonly number[];
      await load(engine, 'now', { method: start.method, tensors: parameters });
      const batch = ids.map((id) => byId.get(id) as PairTokens);
      const { gradient, outcomes } = await batchGradient(engine, run, batch, shards);
      const norm = globalNorm(gradient);
      const learningRate = learningRateAt(schedule, lr, i + 1);
      const close = (value: number, reference: number, limit: Suggested) =>
        expect(Math.abs(value - reference)).toBeLessThanOrEqual(limit.suggested);
      expect(learningRate).toBeCloseTo(expected.lr, 12);
      close(mean(outcomes.map(({ loss }) => loss)), expected.loss, tolerance.loss_abs);
      close(norm / expected.grad_norm, 1, tolerance.grad_norm_rel);
      close(mean(outcomes.map(({ margin }) => margin)), expected.margin, tolerance.margin_abs);
      close(mean(outcomes.map(({ chosen }) => chosen.mean)), expected.mean_logprob_chosen, tolerance.mean_logprob_abs);
      expect(mean(outcomes.map(({ margin }) => (margin > 0 ? 1 : 0)))).toBe(expected.accuracy);
      adamW(parameters, gradient, adam, { learningRate, gradientScale: clipScale(norm, max_grad_norm), settings });
    }
    const final = await openSafetensors(goldenPath('train', run.final_weights));
    for (const [tensor, { data }] of parameters) {
      const reference = await final.readFloat64(tensor);
      const l2 = relativeL2(data, reference, run.zero_gradient_ranges?.[tensor]);
      expect({ tensor, close: l2 <= tolerance.final_weight_rel_l2.suggested }).toEqual({ tensor, close: true });
    }
  });
});
