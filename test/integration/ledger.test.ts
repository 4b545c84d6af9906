import { PreferenceBatch, type TrainingStep } from '@alphapo/contracts';
import type { LogRecord } from '@alphapo/messaging';
import { type Ledger, lineageProblems } from './ledger.ts';

const record = (offset: number): LogRecord => ({
  topic: 'preferences',
  partition: 0,
  offset: BigInt(offset),
  timestampMs: 0,
  key: null,
  value: new Uint8Array(),
  headers: {},
});

/** A batch at an offset of its own, of the records from `first` on. */
function batch(offset: number, first: number, sources: readonly number[]) {
  const source = { topic: 'preferences', partition: 0, firstOffset: BigInt(first) };
  const pairs = sources.map((at) => ({ id: `${at}`, sourceOffset: BigInt(at) }));
  const nextOffset = BigInt(Math.max(...sources) + 1);
  const made = PreferenceBatch.fromPartial({ source: { ...source, nextOffset }, pairs });
  return { offset: BigInt(offset), batch: made, record: record(offset) };
}

const step = (number: number, batchOffset: number, pairIds: readonly string[]) =>
  ({ step: number, batchOffset: `${batchOffset}`, pairIds }) as TrainingStep;

const letter = (offset: number) => ({
  reason: 'NOT_JSON',
  message: '',
  topic: 'preferences',
  partition: 0,
  offset: BigInt(offset),
  origin: undefined,
});

/** Four records in two batches of two steps, and one dead letter between them. */
const clean: Ledger = {
  preferences: [0, 1, 2, 3, 4].map(record),
  batches: [batch(0, 0, [0, 1]), batch(2, 2, [3, 4])],
  deadLetters: [letter(2)],
  steps: [step(1, 0, ['0', '1']), step(2, 2, ['3', '4'])],
};

test('a clean ledger has no problems', () => {
  expect(lineageProblems(clean)).toEqual([]);
});

test.each<[string, Partial<Ledger>, string]>([
  ['a record is nowhere', { deadLetters: [] }, 'the record at offset 2 is in 0 places'],
  [
    'a record is in a batch and a dead letter',
    { deadLetters: [letter(2), letter(1)] },
    'the record at offset 1 is in 2 places',
  ],
  [
    'a pair has no record',
    { preferences: [0, 1, 2, 3].map(record) },
    'offset 4 is accounted for, but there is no such record',
  ],
  [
    'batches overlap',
    { batches: [batch(0, 0, [0, 1]), batch(2, 1, [3, 4])] },
    'the batch at offset 2 begins at 1, within the one before',
  ],
  ['a step is missing', { steps: [step(2, 2, ['3', '4'])] }, 'step 2 stands where step 1 belongs'],
  ['a step names other pairs', { steps: [step(1, 0, ['0'])] }, 'step 1 names other pairs than its batch has'],
])('it is told where %s', (_what, change, problem) => {
  expect(lineageProblems({ ...clean, ...change })).toContain(problem);
});
