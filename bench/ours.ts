import { parseArgs } from 'node:util';
import { type FloatTensors, floatTensor } from '@alphapo/base';
import { batchTotals, openEngine } from '@alphapo/engine';
import { adamW, clipScale, globalNorm, initialAdamWState } from '@alphapo/optim';
import { startOf } from './start.ts';
import { BATCH, batchOf, LEARNING_RATE, type Method, OBJECTIVE, openWork } from './work.ts';

/**
 * Trains with the engine and the optimizer's arithmetic in one process, without services, and prints a line of JSON: what
 * the computation itself costs. Run by run.ts in a process of its own, so that the peak memory is its own.
 */
const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    steps: { type: 'string', default: '6' },
    threads: { type: 'string', default: '2' },
    full: { type: 'boolean', default: false },
  },
});
const method: Method = values.full ? 'full' : 'lora';
const work = await openWork(values.work ?? '');
const { tensors, trained } = await startOf(work, method);
await using engine = await openEngine(work.model, { executionProvider: 'cpu', threads: Number(values.threads) });
const state = initialAdamWState(tensors);
const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
const seconds: number[] = [];
const losses: number[] = [];
for (let step = 0; step < Number(values.steps); step++) {
  const started = performance.now();
  const digest = `step ${step}`;
  await engine.loadPolicy({ digest, method: trained, tensors: copyOf(tensors) });
  const pairs = batchOf(work, step);
  const request = { pairs, ...batchTotals(pairs), objective: OBJECTIVE, policyDigest: digest };
  const { loss, gradient } = await engine.gradient(request);
  const gradientScale = clipScale(globalNorm(gradient), 1);
  adamW(tensors, gradient, state, { learningRate: LEARNING_RATE[method], gradientScale, settings });
  seconds.push((performance.now() - started) / 1000);
  losses.push(loss);
}
// The first step makes the sessions; the peers leave theirs out as well.
const rest = seconds.slice(1);
const pairsPerSecond = (BATCH * rest.length) / rest.reduce((sum, s) => sum + s, 0);
console.log(JSON.stringify({ pairsPerSecond, peakMemoryMb: process.resourceUsage().maxRSS / 1024, losses }));

function copyOf(all: FloatTensors): FloatTensors {
  return new Map([...all].map(([name, { shape, data }]) => [name, floatTensor(shape, data.slice())]));
}
