import { parseArgs } from 'node:util';
import { type FloatTensor, type FloatTensors, peakMemory } from '@alphapo/base';
import { dtypeSchema, executionProviderSchema } from '@alphapo/contracts';
import { batchTotals, openEngine } from '@alphapo/engine';
import { adamW, clipScale, globalNorm, sharedTensors, sharedZeros, ThreadPool } from '@alphapo/optim';
import { startOf } from './start.ts';
import { BATCH, batchOf, computeOf, LEARNING_RATE, type Method, OBJECTIVE, openWork } from './work.ts';

/**
 * Trains with the engine and the optimizer's arithmetic in one process, without services, and prints a line of JSON: what
 * the computation itself costs. Run by run.ts in a process of its own, so that the peak memory is its own.
 */
const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    steps: { type: 'string', default: '6' },
    batch: { type: 'string', default: `${BATCH}` },
    threads: { type: 'string', default: '2' },
    device: { type: 'string', default: 'cpu' },
    dtype: { type: 'string', default: 'float32' },
    full: { type: 'boolean', default: false },
    'in-place': { type: 'boolean', default: false },
  },
});
const method: Method = values.full ? 'full' : 'lora';
const batch = Number(values.batch);
const byDefault = computeOf(method);
const compute = values['in-place'] ? ({ ...byDefault, weights: 'in-place' } as const) : byDefault;
const work = await openWork(values.work ?? '');
const { tensors: initial, trained } = await startOf(work, method);
const tensors = sharedTensors(initial);
await using engine = await openEngine(work.model, {
  executionProvider: executionProviderSchema.parse(values.device),
  dtype: dtypeSchema.parse(values.dtype),
  threads: Number(values.threads),
});
await using threads = new ThreadPool(Number(values.threads));
const state = { step: 0, m: sharedZeros(tensors), v: sharedZeros(tensors) };
const sum = sharedZeros(tensors);
const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
const seconds: number[] = [];
const losses: number[] = [];
let policy = initial;
for (let step = 0; step < Number(values.steps); step++) {
  const started = performance.now();
  const digest = `step ${step}`;
  await engine.loadPolicy({ digest, method: trained, tensors: policy });
  const pairs = batchOf(work, step, batch);
  const request = {
    pairs,
    ...batchTotals(pairs),
    objective: OBJECTIVE,
    policyDigest: digest,
    compute,
  };
  const { loss, gradient } = await engine.gradient(request);
  copyInto(sum, gradient);
  const gradientScale = clipScale(await globalNorm(sum, threads), 1);
  await adamW(tensors, sum, state, { learningRate: LEARNING_RATE[method], gradientScale, settings }, threads);
  // The engine takes over a policy's memory; a gradient's is of the same shapes, and not needed any more.
  policy = gradient;
  copyInto(policy, tensors);
  seconds.push((performance.now() - started) / 1000);
  losses.push(loss);
}
// The first step makes the sessions; the peers leave theirs out as well.
const rest = seconds.slice(1);
const pairsPerSecond = (batch * rest.length) / rest.reduce((sum, s) => sum + s, 0);
console.log(JSON.stringify({ pairsPerSecond, peakMemoryMb: peakMemory() / 2 ** 20, losses }));

function copyInto(target: FloatTensors, source: FloatTensors): void {
  for (const [name, { data }] of target) data.set((source.get(name) as FloatTensor).data);
}
