import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import type { Stage } from './jobs.ts';
import type { Outcome } from './protocol.ts';

/** Resource limits of a tokenizer process. */
export interface ProcessLimits {
  /** Seconds of CPU time for a stage of an item; waiting for a busy machine does not count. */
  readonly cpuSeconds: Readonly<Record<Stage, number>>;
  /** MiB of the process's heap. */
  readonly heapMb: number;
}

/**
 * A template needs microseconds per message: one that runs for seconds never ends. Texts within the limits of a run take a few seconds at
 * most; calls with a million characters take a minute.
 */
const CPU_SECONDS: ProcessLimits['cpuSeconds'] = { parse: 20, render: 5, encode: 120 };
/** Heap for parsing and rendering. */
const WORK_MB = 256;
/** An open tokenizer takes ten times the size of its file, and three times as much while it opens. */
const HEAP_PER_FILE = 40;

/** Limits for the tokenizer of a folder, by the size of its files. */
export async function limitsFor(folder: string): Promise<ProcessLimits> {
  const file = await stat(join(folder, 'tokenizer.json')).catch(() => ({ size: 0 }));
  return { cpuSeconds: CPU_SECONDS, heapMb: WORK_MB + Math.ceil((HEAP_PER_FILE * file.size) / 2 ** 20) };
}

/** A process was stopped at an item, or the item ended it. */
export class ProcessStopped extends Error {
  readonly stage: Stage;
  readonly by: 'time' | 'memory';
  /** Outcomes of the items before it. */
  outcomes: readonly Outcome[] = [];

  constructor(stage: Stage, problem: string, by: 'time' | 'memory') {
    super(problem);
    this.stage = stage;
    this.by = by;
  }
}

const SUBJECTS: Readonly<Record<Stage, string>> = {
  parse: 'parsing the record',
  render: 'the chat template',
  encode: 'tokenizing the text',
};
const REASONS: Readonly<Record<Stage, Readonly<Record<ProcessStopped['by'], string>>>> = {
  parse: { time: 'RECORD_TOO_COMPLEX', memory: 'RECORD_TOO_COMPLEX' },
  render: { time: 'TEMPLATE_TIMEOUT', memory: 'TEMPLATE_OUT_OF_MEMORY' },
  encode: { time: 'TOKENIZATION_TIMEOUT', memory: 'TOKENIZATION_OUT_OF_MEMORY' },
};
const ADVICE: Readonly<Record<Stage, string>> = {
  parse: 'remove deep nesting or repetition',
  render: 'use a template that terminates (plain and chatml do), or drop the record if others are accepted',
  encode: 'shorten the text',
};

/** The error for an item at which a process was stopped. */
export function stoppedError({ stage, by, message }: ProcessStopped, { heapMb }: ProcessLimits): AlphapoError {
  const limit = by === 'memory' ? `, which may take ${heapMb} MiB of memory` : '';
  return new AlphapoError(
    'invalid-argument',
    REASONS[stage][by],
    `${SUBJECTS[stage]} ${message}${limit}; ${ADVICE[stage]}`,
  );
}
