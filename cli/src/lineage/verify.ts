import { setTimeout as sleep } from 'node:timers/promises';
import type { PreferenceBatch, Topics, TrainingStep } from '@alphapo/contracts';
import type { EventLog, LogRecord } from '@alphapo/messaging';
import { type CheckpointInFolder, compareCheckpoints, type DigestName, readCheckpoints } from './checkpoints.ts';
import {
  boundsOf,
  type Decoded,
  decodeBatch,
  decodeDeadLetter,
  decodeStep,
  placeOf,
  recordsOf,
} from './ledger-records.ts';
import { type Problem, type ProblemCode, ProblemList } from './problem.ts';
import { SourceAccount, type SourceCounts } from './source-account.ts';
import { StepChain, type StepCounts } from './step-chain.ts';

/** The ledger of a run, and where its checkpoints are. */
export interface RunLedger {
  readonly log: EventLog;
  readonly topics: Topics;
  /** Undefined: they are not looked at. */
  readonly checkpointFolder: string | undefined;
}

export interface VerifyOptions {
  /** Problems that are kept; all are counted. */
  readonly problemsKept: number;
  readonly signal: AbortSignal;
  /** Hears how many of the records have been read, and which topic is being read. */
  readonly onProgress: (read: number, total: number, topic: string) => void;
}

/** The result of checking a run's ledger. */
export interface VerifyReport {
  readonly verdict: 'clean' | 'problems';
  /** Undefined where no step has been taken. */
  readonly runId: string | undefined;
  readonly sources: readonly SourceCounts[];
  readonly batches: { readonly count: number; readonly pairs: number; readonly digests: Digests | undefined };
  readonly deadLetters: number;
  readonly steps: StepCounts;
  /** Undefined where no folder was given. */
  readonly checkpoints:
    | readonly { readonly name: string; readonly step: number; readonly policyDigest: string }[]
    | undefined;
  readonly problems: {
    readonly total: number;
    readonly counts: Readonly<Partial<Record<ProblemCode, number>>>;
    readonly first: readonly Problem[];
  };
}

type Digests = Readonly<Record<DigestName, string>>;

/**
 * Checks a run's lineage: every record of `preferences` that was consumed is in exactly one batch or dead letter, every
 * batch in one step, digests agree, checkpoints hold what their steps published. Topics are streamed; what is kept is
 * two bits for a source record and some hundred bytes for a batch. A running run may be checked: what came after the
 * check began counts as waiting. Errors: those of reading the log.
 */
export async function verifyRun(ledger: RunLedger, options: VerifyOptions): Promise<VerifyReport> {
  return new Verification(ledger, options).run();
}

/** Records between two calls of `onProgress`. */
const PROGRESS_RECORDS = 500;
/** A transaction on Kafka becomes visible in one topic a moment before another. */
const SETTLING_MS = 1_000;

class Verification {
  readonly #ledger: RunLedger;
  readonly #options: VerifyOptions;
  readonly #problems: ProblemList;
  readonly #accounts = new Map<number, SourceAccount>();
  #digests: Digests | undefined;
  #batches = { count: 0, pairs: 0 };
  #deadLetters = 0;
  #read = 0;
  #total = 0;

  constructor(ledger: RunLedger, options: VerifyOptions) {
    this.#ledger = ledger;
    this.#options = options;
    this.#problems = new ProblemList(options.problemsKept);
  }

  /**
   * The order matters if the run continues meanwhile: dependents are read before what they depend on. Checkpoints depend on
   * steps, steps on batches, committed offsets on batches and dead letters, all on records.
   */
  async run(): Promise<VerifyReport> {
    const { log, topics, checkpointFolder } = this.#ledger;
    await this.#open();
    const checkpoints =
      checkpointFolder === undefined ? undefined : await readCheckpoints(checkpointFolder, this.#problems);
    const consumed = await this.#consumed();
    const runId = await this.#runId(checkpoints);
    const { steps, ofCheckpoints } = await this.#checkBatchesAndSteps(runId, consumed, checkpoints ?? []);
    await this.#checkDeadLetters();
    for (const [partition, account] of this.#accounts) {
      const bounds = await log.bounds(topics.preferences, partition);
      for await (const record of this.#records(topics.preferences, partition)) {
        account.addRecord(record, consumed.get(partition) ?? 0n);
      }
      account.endRecords(bounds);
    }
    const facts = { runId, lastStep: steps.lastStep, steps: ofCheckpoints, digests: this.#digests };
    compareCheckpoints(checkpoints ?? [], facts, this.#problems);
    const { total, counts, first } = this.#problems;
    return {
      verdict: total === 0 ? 'clean' : 'problems',
      runId,
      sources: [...this.#accounts.values()].map((account) => account.counts),
      batches: { ...this.#batches, digests: this.#digests },
      deadLetters: this.#deadLetters,
      steps,
      checkpoints: checkpoints?.map(({ name, step, policyDigest }) => ({ name, step, policyDigest })),
      problems: { total, counts, first },
    };
  }

  /** Finds the partitions, and how much there is to read. */
  async #open(): Promise<void> {
    const { log, topics } = this.#ledger;
    const partitions = await log.partitions(topics.preferences);
    for (let partition = 0; partition < partitions; partition++) {
      const place = { topic: topics.preferences, partition, batchesTopic: topics.preferenceBatches };
      this.#accounts.set(partition, new SourceAccount(place, this.#problems));
    }
    const all = [
      ...[...this.#accounts.keys()].map((partition) => [topics.preferences, partition] as const),
      ...[topics.preferenceBatches, topics.deadLetters, topics.trainingSteps].map((topic) => [topic, 0] as const),
    ];
    for (const [topic, partition] of all) {
      const { first, next } = await boundsOf(log, topic, partition);
      this.#total += Number(next - first);
    }
  }

  /** How far the tokenizers have committed each partition. */
  async #consumed(): Promise<ReadonlyMap<number, bigint>> {
    const lag = await this.#ledger.log.lag(this.#ledger.topics.tokenizerGroup, this.#ledger.topics.preferences);
    return new Map(lag.map(({ partition, committed }) => [partition, committed ?? 0n]));
  }

  /** The run that the ledger is of, as the first step or else the newest checkpoint says. */
  async #runId(checkpoints: readonly CheckpointInFolder[] | undefined): Promise<string | undefined> {
    const { log, topics } = this.#ledger;
    for await (const record of recordsOf(log, topics.trainingSteps, 0, this.#options.signal)) {
      const step = decodeStep(record);
      if (step.ok) return step.value.runId;
    }
    return checkpoints?.at(-1)?.runId;
  }

  async #checkBatchesAndSteps(
    runId: string | undefined,
    consumed: ReadonlyMap<number, bigint>,
    checkpoints: readonly CheckpointInFolder[],
  ): Promise<{ steps: StepCounts; ofCheckpoints: Map<number, TrainingStep> }> {
    const { log, topics } = this.#ledger;
    const { first: firstBatch } = await boundsOf(log, topics.preferenceBatches, 0);
    const wanted = new Set(checkpoints.map(({ step }) => step));
    const ofCheckpoints = new Map<number, TrainingStep>();
    const chain = new StepChain(this.#steps(), { runId, firstBatch }, this.#problems, (step) => {
      if (wanted.has(step.step)) ofCheckpoints.set(step.step, step);
    });
    await chain.begin();
    const end = await this.#addBatches(chain, firstBatch);
    const isBehind = [...this.#accounts].some(
      ([partition, { batchedTo }]) => (consumed.get(partition) ?? 0n) > batchedTo,
    );
    if (isBehind) {
      await sleep(SETTLING_MS);
      await this.#addBatches(chain, end);
    }
    await chain.end();
    for (const account of this.#accounts.values()) account.endBatches();
    return { steps: chain.counts, ofCheckpoints };
  }

  /** Enters the batches from an offset on; returns the offset after them. */
  async #addBatches(chain: StepChain, from: bigint): Promise<bigint> {
    const { preferenceBatches } = this.#ledger.topics;
    let end = from;
    for await (const record of this.#records(preferenceBatches, 0, from)) {
      const batch = decodeBatch(record);
      const { offset } = record;
      end = offset + 1n;
      if (batch.ok) {
        this.#checkBatch(offset, batch.value);
        if (batch.value.pairs.length > 0) await chain.addBatch(preferenceBatches, offset, batch.value);
      } else {
        const place = placeOf(preferenceBatches, offset);
        this.#problems.add('BATCH_UNREADABLE', place, `it is not a PreferenceBatch: ${batch.problem}`);
      }
    }
    return end;
  }

  #checkBatch(offset: bigint, batch: PreferenceBatch): void {
    const { topics } = this.#ledger;
    const place = placeOf(topics.preferenceBatches, offset);
    this.#batches.count++;
    this.#batches.pairs += batch.pairs.length;
    const digests: Digests = {
      'run specification': batch.runSpecificationDigest,
      tokenizer: batch.tokenizerDigest,
      'chat template': batch.chatTemplateDigest,
    };
    this.#digests ??= digests;
    for (const [name, digest] of Object.entries(digests) as [DigestName, string][]) {
      const expected = this.#digests[name];
      if (digest === expected) continue;
      this.#problems.add(
        'DIGEST_CHANGED',
        place,
        `its ${name} has digest ${digest}, that of the first batch ${expected}`,
      );
    }
    const { topic, partition } = batch.source ?? { topic: 'no topic', partition: 0 };
    const account = topic === topics.preferences ? this.#accounts.get(partition) : undefined;
    if (account === undefined) {
      const problem = `it comes from ${topic}/${partition}, which is not a partition of ${topics.preferences}`;
      this.#problems.add('BATCH_OF_OTHER_TOPIC', place, problem);
    } else account.addBatch(offset, batch);
  }

  async #checkDeadLetters(): Promise<void> {
    const { log, topics } = this.#ledger;
    const { first } = await boundsOf(log, topics.deadLetters, 0);
    const end = await this.#addDeadLetters(first);
    if (first === 0n && [...this.#accounts.values()].some(({ lacksDeadLetters }) => lacksDeadLetters)) {
      await sleep(SETTLING_MS);
      await this.#addDeadLetters(end);
    }
    for (const account of this.#accounts.values()) account.endDeadLetters({ haveExpired: first > 0n });
  }

  /** Enters the dead letters from an offset on; returns the offset after them. */
  async #addDeadLetters(from: bigint): Promise<bigint> {
    const { deadLetters, preferences } = this.#ledger.topics;
    let end = from;
    for await (const record of this.#records(deadLetters, 0, from)) {
      this.#deadLetters++;
      end = record.offset + 1n;
      const letter = decodeDeadLetter(record);
      const place = placeOf(deadLetters, record.offset);
      const account =
        letter.ok && letter.value.topic === preferences ? this.#accounts.get(letter.value.partition) : undefined;
      if (letter.ok && account !== undefined) {
        account.addDeadLetter(place, letter.value.offset);
      } else {
        const problem = letter.ok ? `it comes from ${letter.value.topic}/${letter.value.partition}` : letter.problem;
        this.#problems.add('DEAD_LETTER_UNREADABLE', place, `it names no record of ${preferences}: ${problem}`);
      }
    }
    return end;
  }

  async *#steps(): AsyncGenerator<Decoded<TrainingStep>> {
    for await (const record of this.#records(this.#ledger.topics.trainingSteps, 0)) yield decodeStep(record);
  }

  async *#records(topic: string, partition: number, from = 0n): AsyncGenerator<LogRecord> {
    const { signal, onProgress } = this.#options;
    for await (const record of recordsOf(this.#ledger.log, topic, partition, signal, from)) {
      if (++this.#read % PROGRESS_RECORDS === 0) onProgress(this.#read, this.#total, topic);
      yield record;
    }
  }
}
