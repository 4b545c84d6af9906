import { AlphapoError, sameShape } from '@alphapo/base';
import type { GradientSummary, ScorerServiceClient, wire } from '@alphapo/contracts';
import { type CallSettings, type Connection, callServerStream, TensorAssembler } from '@alphapo/rpc';
import type { ComputedShard, Shard, ShardWork } from './shards.ts';

/**
 * Has one scorer compute one shard, and checks that the answer is the one asked for: computed with this policy, for these
 * pairs, with the gradient of just the trained tensors. Errors: WRONG_ANSWER, and those of the call.
 */
export async function computeShard(
  scorer: Connection<ScorerServiceClient>,
  { run, step, policy, batch }: ShardWork,
  shard: Shard,
  objective: wire.Objective,
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
  };
  let summary: GradientSummary | undefined;
  let maxBytes = 0;
  for (const { data } of policy.tensors.values()) maxBytes += data.byteLength;
  const tensors = new TensorAssembler({ maxBytes });
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
  const gradient = tensors.finish(policy.tensors.size);
  for (const [name, { shape }] of policy.tensors) {
    const part = gradient.get(name);
    if (part === undefined || !sameShape(part.shape, shape)) throw wrong(`without the gradient of ${name}`);
  }
  return { pairs: summary.pairs, gradient };
}
