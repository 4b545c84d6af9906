import { AlphapoError, type FloatTensors } from '@alphapo/base';
import { computeToWire, type GradientSummary, type ScorerServiceClient, type wire } from '@alphapo/contracts';
import { type CallSettings, type Connection, callServerStream, TensorAssembler } from '@alphapo/rpc';
import type { ComputedShard, Shard, ShardWork } from './shards.ts';

/** Has one scorer compute one shard, and adds its gradient to the sum. Errors: WRONG_ANSWER, and those of the call. */
export async function computeShard(
  scorer: Connection<ScorerServiceClient>,
  work: ShardWork,
  shard: Shard,
  objective: wire.Objective,
  settings: CallSettings,
): Promise<ComputedShard> {
  const into = work.memory.take();
  try {
    const computed = await callScorer(scorer, work, { shard, objective, into }, settings);
    work.sum.add(shard.index, into);
    return computed;
  } catch (error) {
    work.memory.giveBack(into);
    throw error;
  }
}

/**
 * Fills `into` with the gradient, after checking that the answer is the one asked for: computed with this policy, for these
 * pairs, with the gradient of just the trained tensors.
 */
async function callScorer(
  scorer: Connection<ScorerServiceClient>,
  { run, step, policy, batch }: ShardWork,
  {
    shard,
    objective,
    into,
  }: { readonly shard: Shard; readonly objective: wire.Objective; readonly into: FloatTensors },
  settings: CallSettings,
): Promise<ComputedShard> {
  const version = { runId: run.id, step: BigInt(policy.step), digest: policy.digest };
  const request = {
    runId: run.id,
    step: BigInt(step),
    shard: shard.index,
    policy: version,
    objective,
    pairs: [...shard.pairs],
    ...batch,
    referenceModelDigest: run.referenceDigest ?? '',
    compute: computeToWire(run.specification.compute),
    dtype: run.specification.dtype,
  };
  const started = performance.now();
  let summary: GradientSummary | undefined;
  let maxBytes = 0;
  for (const { data } of into.values()) maxBytes += data.byteLength;
  const tensors = new TensorAssembler({ maxBytes, into });
  for await (const { part } of callServerStream(scorer, 'gradient', request, settings)) {
    if (part?.$case === 'summary') summary = part.value;
    else if (part?.$case === 'chunk') tensors.push(part.value);
  }
  const wrong = (problem: string) =>
    new AlphapoError(
      'data-loss',
      'WRONG_ANSWER',
      `${scorer.address} answered step ${step}, shard ${shard.index} ${problem}`,
    );
  if (summary === undefined) throw wrong('without a summary');
  if (summary.policy?.digest !== policy.digest) throw wrong(`with policy ${summary.policy?.digest}`);
  if (summary.pairs.length !== shard.pairs.length || summary.pairs.some(({ id }, i) => id !== shard.pairs[i]?.id)) {
    throw wrong('for other pairs');
  }
  const gradient = tensors.finish(into.size);
  for (const [name, tensor] of into) {
    if (gradient.get(name) !== tensor) throw wrong(`without the gradient of ${name}`);
  }
  const times = { call: performance.now() - started, policy: summary.policyMs, compute: summary.computeMs };
  return { pairs: summary.pairs, times };
}
