import { AlphapoError, sha256 } from '@alphapo/base';
import { ORIGIN_HEADER, type PreferenceBatch, type TrainingStep } from '@alphapo/contracts';
import { decodeBatch, decodeStep, placeOf, recordsOf } from './ledger-records.ts';
import type { SourcePlace } from './trace.ts';
import { recordAt } from './trace.ts';
import type { RunLedger } from './verify.ts';

/** What a step learned from. */
export interface StepLineage {
  readonly step: TrainingStep;
  readonly batch: PreferenceBatch;
  /** SHA-256 of the batch's record. */
  readonly batchDigest: string;
  /** Of the weights before the step; undefined for the first one: those that the run started from. */
  readonly policyBefore: string | undefined;
  /** Where each pair of the batch came from, in its order. */
  readonly sources: readonly SourcePlace[];
}

/** Finds a step and its batch. Errors: STEP_NOT_FOUND, BATCH_NOT_FOUND, and those of reading the log. */
export async function stepLineage(ledger: RunLedger, number: number, signal: AbortSignal): Promise<StepLineage> {
  const { topics } = ledger;
  const { step, policyBefore } = await findStep(ledger, number, signal);
  const offset = BigInt(step.batchOffset);
  const record = await recordAt(ledger, topics.preferenceBatches, { partition: 0, offset }, signal);
  const decoded = record === undefined ? undefined : decodeBatch(record);
  if (record === undefined || !decoded?.ok) {
    throw new AlphapoError(
      'data-loss',
      'BATCH_NOT_FOUND',
      `step ${number} was taken with the batch at ${placeOf(topics.preferenceBatches, offset)}, which is ${decoded === undefined ? 'gone' : 'unreadable'}; check the run with alphapo verify`,
    );
  }
  const batch = decoded.value;
  const sources = await sourcesOf(ledger, batch, signal);
  return { step, batch, batchDigest: sha256(record.value as Uint8Array), policyBefore, sources };
}

/** A step as it was published. */
export interface PublishedStep {
  readonly step: TrainingStep;
  /** Of its record in `training-steps`. */
  readonly offset: bigint;
  /** Of the weights before the step; undefined where the step before is not there. */
  readonly policyBefore: string | undefined;
}

/** Errors: STEP_NOT_FOUND. */
export async function findStep(
  { log, topics }: RunLedger,
  number: number,
  signal: AbortSignal,
): Promise<PublishedStep> {
  let last: TrainingStep | undefined;
  for await (const record of recordsOf(log, topics.trainingSteps, 0, signal)) {
    const decoded = decodeStep(record);
    if (!decoded.ok) continue;
    const { value: step } = decoded;
    if (step.step === number) {
      const policyBefore = last?.step === number - 1 ? last.policyDigest : undefined;
      return { step, offset: record.offset, policyBefore };
    }
    last = step;
  }
  throw new AlphapoError(
    'not-found',
    'STEP_NOT_FOUND',
    `step ${number} is not in ${topics.trainingSteps}: ${last === undefined ? 'no step has been taken yet' : `the last one is ${last.step}`}`,
  );
}

/** The places of a batch's pairs, with their origins where the records are still there. */
async function sourcesOf(
  { log, topics }: RunLedger,
  { source, pairs }: PreferenceBatch,
  signal: AbortSignal,
): Promise<SourcePlace[]> {
  const { partition, firstOffset, nextOffset } = source ?? { partition: 0, firstOffset: 0n, nextOffset: 0n };
  const origins = new Map<bigint, string | undefined>();
  const { first } = await log.bounds(topics.preferences, partition);
  const start = firstOffset > first ? firstOffset : first;
  if (start < nextOffset) {
    reading: for await (const records of log.read(topics.preferences, partition, start, { signal, stop: 'at-end' })) {
      for (const { offset, headers } of records) {
        if (offset >= nextOffset) break reading;
        origins.set(offset, headers[ORIGIN_HEADER]);
      }
    }
  }
  return pairs.map(({ sourceOffset: offset }) => ({
    topic: topics.preferences,
    partition,
    offset,
    origin: origins.get(offset),
  }));
}
