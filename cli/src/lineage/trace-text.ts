import type { TrainingStep } from '@alphapo/contracts';
import { shardPlace } from './shard-place.ts';
import type { StepLineage } from './step-lineage.ts';
import { table } from './table.ts';
import type { RecordTrace, SourcePlace } from './trace.ts';

/** What a step published, as JSON and as text. */
function resultOf({ loss, accuracy, margin, rewardChosen, rewardRejected, skipped }: TrainingStep) {
  return { loss, accuracy, margin, rewardChosen, rewardRejected, skipped };
}

/** A trace as JSON: flat, offsets as digits. `shards`: parts of a batch; undefined where the specification is not known. */
export function traceJson({ source, fate }: RecordTrace, shards: number | undefined): object {
  const from = { ...source, offset: `${source.offset}` };
  if (fate.kind === 'dead-letter') return { source: from, ...fate, letterOffset: `${fate.letterOffset}` };
  if (fate.kind !== 'pair') return { source: from, ...fate };
  const { id, batchOffset, position, batch, step } = fate;
  return {
    source: from,
    kind: fate.kind,
    id,
    batch: { offset: `${batchOffset}`, pairs: batch.pairs.length, position, ...rangeOf(batch.source) },
    shard: shards === undefined ? undefined : shardPlace(batch, position, shards),
    step: step && { step: step.step, policyDigest: step.policyDigest, meansOfBatch: resultOf(step) },
  };
}

const rangeOf = (source: { firstOffset: bigint; nextOffset: bigint; deadLetters: number } | undefined) => ({
  firstOffset: `${source?.firstOffset}`,
  nextOffset: `${source?.nextOffset}`,
  deadLetters: source?.deadLetters,
});

/** A trace for people. */
export function describeTrace({ source, fate }: RecordTrace, shards: number | undefined): string {
  const head = describeSource(source);
  switch (fate.kind) {
    case 'waiting':
      return `${head}\n  waiting: no batch contains it yet\n`;
    case 'lost':
      return `${head}\n  lost: in no batch and no dead letter, although later records are (see alphapo verify)\n`;
    case 'control':
      return `${head}\n  not a pair but an instruction to the tokenizer: ${fate.instruction}\n`;
    case 'dead-letter':
      return `${head}\n  dead letter at dead-letters offset ${fate.letterOffset}: ${fate.reason}\n  ${fate.message}\n`;
    case 'pair':
      return `${head}\n${describePair(fate, shards)}`;
  }
}

function describePair(
  { id, batchOffset, position, batch, step }: Extract<RecordTrace['fate'], { kind: 'pair' }>,
  shards: number | undefined,
): string {
  const place = shards === undefined ? undefined : shardPlace(batch, position, shards);
  const { source } = batch;
  const lines = [
    `  pair    ${id}`,
    `  batch   at preference-batches offset ${batchOffset}, position ${position} of ${batch.pairs.length}; it covers offsets ${source?.firstOffset} to ${(source?.nextOffset ?? 0n) - 1n}, ${source?.deadLetters} of them dead letters`,
    place === undefined
      ? '  shard   unknown without a checkpoint (--checkpoints)'
      : `  shard   ${place.index} of ${place.of}, position ${place.position}`,
  ];
  if (step === undefined)
    return `${[...lines, '  step    waiting: no step has been taken with this batch yet'].join('\n')}\n`;
  return `${[...lines, `  step    ${step.step}`, `  result  ${describeResult(step)}`, `  policy  ${step.policyDigest} after it`].join('\n')}\n`;
}

const describeSource = ({ topic, partition, offset, origin }: SourcePlace) =>
  `${topic}/${partition} offset ${offset}${origin === undefined ? '' : `, from ${origin}`}`;

function describeResult(step: TrainingStep): string {
  const { loss, accuracy, margin, rewardChosen, rewardRejected } = resultOf(step);
  const shown = { loss, accuracy, margin, 'reward of chosen': rewardChosen, 'of rejected': rewardRejected };
  const numbers = Object.entries(shown).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  const { skipped } = step;
  const outcome = skipped === undefined ? '' : `; skipped: ${skipped.reason} of ${skipped.pairIds.join(', ')}`;
  return `means of its batch: ${numbers.join(', ')}${outcome}`;
}

/** What a step learned from, as JSON. */
export function stepJson(lineage: StepLineage, shards: number | undefined): object {
  const { step, batch, batchDigest, policyBefore, sources } = lineage;
  const { pairIds: _ids, ...numbers } = step;
  return {
    ...numbers,
    policyBefore,
    batch: { offset: step.batchOffset, digest: batchDigest, pairs: batch.pairs.length, ...rangeOf(batch.source) },
    pairs: batch.pairs.map(({ id }, position) => ({
      id,
      position,
      shard: shards === undefined ? undefined : shardPlace(batch, position, shards),
      source: { ...sources[position], offset: `${sources[position]?.offset}` },
    })),
  };
}

/** What a step learned from, for people. */
export function describeStep(lineage: StepLineage, shards: number | undefined): string {
  const { step, batch, batchDigest, policyBefore, sources } = lineage;
  const { source } = batch;
  const rows = batch.pairs.map(({ id }, position) => {
    const from = sources[position] as SourcePlace;
    const shard = shards === undefined ? '?' : shardPlace(batch, position, shards).index;
    return [id, `${from.topic}/${from.partition}`, `${from.offset}`, position, shard, from.origin ?? ''];
  });
  return [
    `step ${step.step} of run ${step.runId}`,
    `  policy before  ${policyBefore ?? "that of the run's start"}`,
    `  policy after   ${step.policyDigest}`,
    `  batch          at preference-batches offset ${step.batchOffset}, ${batchDigest}`,
    `  it covers offsets ${source?.firstOffset} to ${(source?.nextOffset ?? 0n) - 1n} of ${source?.topic}/${source?.partition}, ${source?.deadLetters} of them dead letters`,
    `  result         ${describeResult(step)}`,
    ...(step.skipped ? [`  skipped        ${step.skipped.reason} of ${step.skipped.pairIds.join(', ')}`] : []),
    `  learning rate ${step.learningRate}, gradient norm ${step.gradNorm.toFixed(4)}, ${step.tokens} tokens`,
    '',
    ...table(['pair', 'source', 'offset', 'position', 'shard', 'origin'], rows),
    '',
  ].join('\n');
}
