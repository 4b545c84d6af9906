import {
  CONTROL_HEADER,
  type DeadLetter,
  deadLetterFromHeaders,
  PreferenceBatch,
  type TrainingStep,
  topicsWithPrefix,
  trainingStepSchema,
} from '@alphapo/contracts';
import { type EventLog, type LogRecord, recordsToEnd } from '@alphapo/messaging';

interface LedgerBatch {
  readonly offset: bigint;
  readonly batch: PreferenceBatch;
  /** As it stands in the topic. */
  readonly record: LogRecord;
}

/** All that is in a run's topics. */
export interface Ledger {
  /** Without instructions to the tokenizer. */
  readonly preferences: readonly LogRecord[];
  readonly batches: readonly LedgerBatch[];
  readonly deadLetters: readonly DeadLetter[];
  readonly steps: readonly TrainingStep[];
}

/** Reads the topics of a run with one partition of preferences, from their beginning to their end. */
export async function readLedger(log: EventLog, topicPrefix: string): Promise<Ledger> {
  const topics = topicsWithPrefix(topicPrefix);
  const preferences = await readTopic(log, topics.preferences);
  const batches = await readTopic(log, topics.preferenceBatches);
  return {
    preferences: preferences.filter(({ headers }) => headers[CONTROL_HEADER] === undefined),
    batches: batches.map((record) => ({
      offset: record.offset,
      batch: PreferenceBatch.decode(record.value as Uint8Array),
      record,
    })),
    deadLetters: (await readTopic(log, topics.deadLetters)).map(({ headers }) => deadLetterFromHeaders(headers)),
    steps: await readSteps(log, topicPrefix),
  };
}

/** The steps that a run has published, in their order. */
export async function readSteps(log: EventLog, topicPrefix: string): Promise<TrainingStep[]> {
  const records = await readTopic(log, topicsWithPrefix(topicPrefix).trainingSteps);
  return records.map(({ value }) =>
    trainingStepSchema.parse(JSON.parse(new TextDecoder().decode(value as Uint8Array))),
  );
}

const readTopic = (log: EventLog, topic: string) => Array.fromAsync(recordsToEnd(log, topic, 0));

/** What is wrong with a ledger's lineage, in words: nothing where each record sent is in exactly one batch or dead letter, and each batch is one step. */
export function lineageProblems({ preferences, batches, deadLetters, steps }: Ledger): string[] {
  return [
    ...recordProblems(preferences, batches, deadLetters),
    ...rangeProblems(batches),
    ...stepProblems(batches, steps),
  ];
}

function recordProblems(
  preferences: readonly LogRecord[],
  batches: readonly LedgerBatch[],
  deadLetters: readonly DeadLetter[],
): string[] {
  const places = new Map<bigint, number>();
  const count = (offset: bigint) => places.set(offset, (places.get(offset) ?? 0) + 1);
  for (const { batch } of batches) for (const { sourceOffset } of batch.pairs) count(sourceOffset);
  for (const { offset } of deadLetters) count(offset);
  const problems: string[] = [];
  for (const { offset } of preferences) {
    const times = places.get(offset) ?? 0;
    if (times !== 1) problems.push(`the record at offset ${offset} is in ${times} places`);
    places.delete(offset);
  }
  for (const offset of places.keys()) problems.push(`offset ${offset} is accounted for, but there is no such record`);
  return problems;
}

function rangeProblems(batches: readonly LedgerBatch[]): string[] {
  const problems: string[] = [];
  let next = 0n;
  for (const { offset, batch } of batches) {
    const { firstOffset = -1n, nextOffset = -1n } = batch.source ?? {};
    if (firstOffset < next)
      problems.push(`the batch at offset ${offset} begins at ${firstOffset}, within the one before`);
    next = nextOffset;
  }
  return problems;
}

function stepProblems(batches: readonly LedgerBatch[], steps: readonly TrainingStep[]): string[] {
  const problems: string[] = [];
  const trained = batches.filter(({ batch }) => batch.pairs.length > 0);
  steps.forEach(({ step, batchOffset, pairIds }, i) => {
    const expected = trained[i];
    if (step !== i + 1) problems.push(`step ${step} stands where step ${i + 1} belongs`);
    if (batchOffset !== `${expected?.offset}`) problems.push(`step ${step} learned from the batch at ${batchOffset}`);
    const ids = expected?.batch.pairs.map(({ id }) => id) ?? [];
    if (pairIds.join('\n') !== ids.join('\n')) problems.push(`step ${step} names other pairs than its batch has`);
  });
  return problems;
}
