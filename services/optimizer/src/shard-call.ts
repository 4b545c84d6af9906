import { AlphapoError, type FloatTensors } from '@alphapo/base';
import { computeToWire, type GradientSummary, objectiveToWire, type ScorerServiceDefinition } from '@alphapo/contracts';
import { type CallSettings, type Client, TensorAssembler } from '@alphapo/rpc';
import { nonFiniteIn } from './non-finite.ts';
import type { ComputedShard, Shard, ShardWork } from './shards.ts';

/**
 * Asks one scorer for one shard, writes the result to `gradient`, and checks that it answers the request: this policy, these
 * pairs, gradients of exactly the trained tensors. Wrong numbers of the right shape are not detected.
 * Errors: WRONG_ANSWER, and those of the call.
 */
export async function computeShard(
  scorer: Client<ScorerServiceDefinition>,
  { run, step, policy, batch, runner }: ShardWork,
  { shard, gradient }: { readonly shard: Shard; readonly gradient: FloatTensors },
  settings: CallSettings,
): Promise<ComputedShard> {
  const version = { runId: run.id, step: BigInt(policy.step), digest: policy.digest };
  const request = {
    runId: run.id,
    step: BigInt(step),
    shard: shard.index,
    policy: version,
    objective: objectiveToWire(run.specification.objective),
    pairs: [...shard.pairs],
    ...batch,
    referenceModelDigest: run.referenceDigest ?? '',
    compute: computeToWire(run.specification.compute),
    dtype: run.specification.dtype,
  };
  const started = performance.now();
  let summary: GradientSummary | undefined;
  let maxBytes = 0;
  for (const { data } of gradient.values()) maxBytes += data.byteLength;
  const tensors = new TensorAssembler({ maxBytes, into: gradient });
  const wrong = (problem: string) =>
    new AlphapoError(
      'data-loss',
      'WRONG_ANSWER',
      `${scorer.address} answered step ${step}, shard ${shard.index} ${problem}`,
    );
  for await (const { part } of scorer.gradient(request, settings)) {
    if (part?.$case === 'chunk') tensors.push(part.value);
    else if (summary === undefined) summary = part?.value;
    else throw wrong('with two summaries');
  }
  if (summary === undefined) throw wrong('without a summary');
  if (summary.policy?.digest !== policy.digest) throw wrong(`with policy ${summary.policy?.digest}`);
  if (summary.pairs.length !== shard.pairs.length || summary.pairs.some(({ id }, i) => id !== shard.pairs[i]?.id)) {
    throw wrong('for other pairs');
  }
  if (summary.pairs.some(({ weight }, i) => weight !== shard.pairs[i]?.weight)) {
    throw wrong("without the pairs' weights: deploy the same release");
  }
  const found = tensors.finish(gradient.size);
  for (const [name, tensor] of gradient) {
    if (found.get(name) !== tensor) throw wrong(`without the gradient of ${name}`);
  }
  const times = { call: performance.now() - started, policy: summary.policyMs, compute: summary.computeMs };
  const { pairs, computation } = summary;
  return { pairs, times, computation, nonFinite: await nonFiniteIn(pairs, gradient, runner) };
}
