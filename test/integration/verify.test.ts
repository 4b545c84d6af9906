import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '@alphapo/base';
import { CheckpointStore } from '@alphapo/checkpoints';
import { LOCAL_TOPICS } from '@alphapo/cli';
import { PreferenceBatch } from '@alphapo/contracts';
import { ServiceProcess } from '../support/processes.ts';
import { BAD, BATCH, copyOf, editLog, STEPS, trainedRun, verifyFolder } from './lineage.fixture.ts';
import type { LogFile } from './log-file.ts';

const { preferences, preferenceBatches, trainingSteps, deadLetters } = LOCAL_TOPICS;

let clean: string;
beforeAll(async () => {
  clean = (await trainedRun()).run;
});

/** The batches of the run: offsets 0 to 5, of four pairs each, and one that says that the data has ended. */
const LAST_BATCH = STEPS;

function editBatch(file: LogFile, offset: number, change: (batch: PreferenceBatch) => void): void {
  file.edit(preferenceBatches, offset, (value) => {
    const batch = PreferenceBatch.decode(value);
    change(batch);
    return PreferenceBatch.encode(batch).finish();
  });
}

function editStep(file: LogFile, offset: number, change: (step: Record<string, unknown>) => void): void {
  file.edit(trainingSteps, offset, (value) => {
    const step = JSON.parse(new TextDecoder().decode(value));
    change(step);
    return Buffer.from(JSON.stringify(step));
  });
}

test('a run that nobody touched is clean, and everything is counted', async () => {
  const report = await verifyFolder(clean);
  expect(report.problems).toEqual({ total: 0, counts: {}, first: [] });
  expect(report).toMatchObject({
    verdict: 'clean',
    runId: expect.stringMatching(/^[0-9a-f]{16}$/),
    sources: [
      {
        ...{ topic: 'preferences', partition: 0, records: BATCH * STEPS + BAD + 1 },
        ...{ pairs: BATCH * STEPS, deadLetters: BAD, control: 1, waiting: 0, lost: 0, expired: 0 },
      },
    ],
    batches: { count: STEPS + 1, pairs: BATCH * STEPS },
    deadLetters: BAD,
    steps: { steps: STEPS, lastStep: STEPS, waitingBatches: 0 },
  });
  expect(report.checkpoints?.map(({ step }) => step)).toEqual([2, 4, 6]);
  expect(report.checkpoints?.at(-1)?.policyDigest).toBe(report.steps.policyDigest);
});

/** What is done to the log, and each problem that must be found: code, place, and words of the meaning. */
const DAMAGES: [string, (file: LogFile) => void, [code: string, place: string, meaning: RegExp][]][] = [
  [
    'a batch is missing',
    (file) => file.remove(preferenceBatches, 2),
    [
      [
        'STEP_WITHOUT_BATCH',
        'training-steps offset 2',
        /step 3 was taken with a batch at offset 2, but no batch is there/,
      ],
      [
        'RECORD_LOST',
        'preferences/0 offsets 11 to 14',
        /4 records are in no batch and no dead letter: no batch covers them/,
      ],
    ],
  ],
  [
    'the last batch is missing',
    (file) => {
      file.remove(preferenceBatches, STEPS - 1);
      file.remove(preferenceBatches, LAST_BATCH);
    },
    [
      ['STEP_WITHOUT_BATCH', `training-steps offset ${STEPS - 1}`, /step 6/],
      ['RECORD_LOST', 'preferences/0 offsets 23 to 27', /5 records are in no batch/],
    ],
  ],
  [
    'a batch is doubled',
    (file) => file.repeat(preferenceBatches, 2),
    [
      [
        'BATCH_RANGES_OVERLAP',
        'preference-batches offset 7',
        /offsets 11 to 15.*the previous batch, at offset 6, ends at 28/,
      ],
      ['PAIR_REPEATED', 'preference-batches offset 7', /4 of its 4 records/],
    ],
  ],
  [
    'a batch with dead letters is doubled',
    (file) => file.repeat(preferenceBatches, 0),
    [
      ['BATCH_RANGES_OVERLAP', 'preference-batches offset 7', /offsets 0 to 7/],
      ['PAIR_REPEATED', 'preference-batches offset 7', /4 of its 4 records/],
    ],
  ],
  [
    'the ranges of two batches overlap',
    (file) => editBatch(file, 3, ({ source }) => Object.assign(source ?? {}, { firstOffset: 14n })),
    [['BATCH_RANGES_OVERLAP', 'preference-batches offset 3', /offsets 14 to 19 .exclusive.*at offset 2, ends at 15/]],
  ],
  [
    'a pair is missing in a batch',
    (file) => editBatch(file, 1, ({ pairs }) => pairs.splice(1, 1)),
    [
      ['STEP_PAIRS_DIFFER', 'training-steps offset 1', /step 2 names other pairs than the batch at offset 1/],
      ['RECORD_LOST', 'preferences/0 offset 8', /the batch at offset 1 covers it, but lacks it/],
    ],
  ],
  [
    'a pair is of another record',
    (file) => editBatch(file, 1, ({ pairs }) => Object.assign(pairs[1] ?? {}, { sourceOffset: 500n })),
    [
      ['BATCH_RANGE_INVALID', 'preference-batches offset 1', /do not grow within its range, 7 to 11/],
      ['RECORD_LOST', 'preferences/0 offset 8', /1 record is in no batch/],
      ['RECORD_UNKNOWN', 'preferences/0 offset 500', /there is a pair of it, but no such record/],
    ],
  ],
  [
    'a batch is of another topic',
    (file) => editBatch(file, LAST_BATCH, ({ source }) => Object.assign(source ?? {}, { topic: 'others' })),
    [
      ['BATCH_OF_OTHER_TOPIC', 'preference-batches offset 6', /others\/0/],
      ['RECORD_LOST', 'preferences/0 offset 27', /1 record/],
    ],
  ],
  [
    'a batch is unreadable',
    (file) => file.edit(preferenceBatches, LAST_BATCH, () => Buffer.from([0xff, 0xff])),
    [
      ['BATCH_UNREADABLE', 'preference-batches offset 6', /not a PreferenceBatch/],
      ['RECORD_LOST', 'preferences/0 offset 27', /1 record/],
    ],
  ],
  ...(['runSpecificationDigest', 'tokenizerDigest', 'chatTemplateDigest'] as const).map(
    (field): (typeof DAMAGES)[number] => [
      `a batch has another ${field}`,
      (file) => editBatch(file, 4, (batch) => Object.assign(batch, { [field]: 'sha256:other' })),
      [['DIGEST_CHANGED', 'preference-batches offset 4', /has digest sha256:other, that of the first batch sha256:/]],
    ],
  ),
  [
    'a dead letter is missing',
    (file) => file.remove(deadLetters, 1),
    [
      ['DEAD_LETTERS_DIFFER', 'preference-batches offset 0', /counts 3 dead letters.*but there are 2/],
      ['RECORD_LOST', 'preferences/0 offset 1', /the batch at offset 0 covers it/],
    ],
  ],
  [
    'a dead letter is doubled',
    (file) => file.repeat(deadLetters, 1),
    [['DEAD_LETTER_REPEATED', 'dead-letters offset 3', /about preferences\/0 offset 1/]],
  ],
  [
    'a dead letter is of a record that was trained on',
    (file) => file.setHeader(deadLetters, 1, 'alphapo-offset', '9'),
    [
      [
        'DEAD_LETTER_AND_PAIR',
        'dead-letters offset 1',
        /preferences\/0 offset 9, which is a pair of the batch at offset 1/,
      ],
      ['DEAD_LETTERS_DIFFER', 'preference-batches offset 0', /counts 3.*are 2/],
      ['DEAD_LETTERS_DIFFER', 'preference-batches offset 1', /counts 0.*are 1/],
      ['RECORD_LOST', 'preferences/0 offset 1', /1 record/],
    ],
  ],
  [
    'a dead letter names no record',
    (file) => file.setHeader(deadLetters, 1, 'alphapo-offset', 'x'),
    [
      ['DEAD_LETTER_UNREADABLE', 'dead-letters offset 1', /header alphapo-offset is "x"/],
      ['DEAD_LETTERS_DIFFER', 'preference-batches offset 0', /are 2/],
      ['RECORD_LOST', 'preferences/0 offset 1', /1 record/],
    ],
  ],
  [
    'a step is missing',
    (file) => file.remove(trainingSteps, 2),
    [
      ['STEP_MISSING', 'training-steps offset 3', /it is step 4, but step 3 is not before it/],
      ['BATCH_WITHOUT_STEP', 'preference-batches offset 2', /but step 4 with the batch at offset 3/],
    ],
  ],
  [
    'a step is doubled',
    (file) => file.repeat(trainingSteps, 2),
    [['STEP_REPEATED', 'training-steps offset 6', /step 3 again, after step 6/]],
  ],
  [
    'a step was taken with another batch',
    (file) => editStep(file, 3, (step) => Object.assign(step, { batchOffset: '2' })),
    [
      ['STEP_WITHOUT_BATCH', 'training-steps offset 3', /step 4 was taken with a batch at offset 2/],
      ['BATCH_WITHOUT_STEP', 'preference-batches offset 3', /but step 5 with the batch at offset 4/],
      ['CHECKPOINT_DIFFERS', 'step-00000004', /continues from batch offset 4, but step 4 ended before 3/],
    ],
  ],
  [
    'a step has another policy than its checkpoint',
    (file) => editStep(file, 3, (step) => Object.assign(step, { policyDigest: 'sha256:other' })),
    [['CHECKPOINT_DIFFERS', 'step-00000004', /contains policy sha256:[0-9a-f]+, but step 4 published sha256:other/]],
  ],
  [
    'a step that was skipped has a new policy',
    (file) =>
      editStep(file, 2, (step) =>
        Object.assign(step, { loss: null, skipped: { reason: 'NON_FINITE_LOSS', pairIds: ['pair-8'] } }),
      ),
    [['STEP_POLICY_DIFFERS', 'training-steps offset 2', /step 3 was skipped, but published sha256:/]],
  ],
  [
    'a step is of another run',
    (file) => editStep(file, STEPS - 1, (step) => Object.assign(step, { runId: 'other' })),
    [
      ['STEP_OF_OTHER_RUN', 'training-steps offset 5', /a step of run other/],
      ['CHECKPOINT_DIFFERS', 'step-00000006', /to step 6, but the last published step is 5/],
    ],
  ],
  [
    'a step is unreadable',
    (file) => file.edit(trainingSteps, STEPS - 1, () => Buffer.from('{}')),
    [
      ['STEP_UNREADABLE', 'training-steps offset 5', /not a training step/],
      ['CHECKPOINT_DIFFERS', 'step-00000006', /last published step is 5/],
    ],
  ],
  [
    'a record has vanished',
    (file) => file.remove(preferences, 8),
    [
      [
        'RECORD_UNKNOWN',
        'preferences/0 offset 8',
        /there is a pair of it, in the batch at offset 1, but no such record/,
      ],
    ],
  ],
];

test.each(DAMAGES)('where %s, that is found and placed', async (_what, change, expected) => {
  const run = await copyOf(clean);
  editLog(run, change);
  const { verdict, problems } = await verifyFolder(run);
  expect(verdict).toBe('problems');
  expect(problems.first.map(({ code, place }) => [code, place])).toEqual(
    expected.map(([code, place]) => [code, expect.stringContaining(place)]),
  );
  for (const [i, [, , meaning]] of expected.entries()) expect(problems.first[i]?.meaning).toMatch(meaning);
  expect(problems.total).toBe(expected.length);
});

describe('a checkpoint', () => {
  const file = (run: string, name: string) => join(run, 'checkpoints/step-00000004', name);

  test('with a changed bit is found by its digest', async () => {
    const run = await copyOf(clean);
    const weights = await readFile(file(run, 'weights.safetensors'));
    weights[weights.length - 1] = (weights.at(-1) as number) ^ 1;
    await writeFile(file(run, 'weights.safetensors'), weights);
    const { problems, checkpoints } = await verifyFolder(run);
    expect(problems.first).toEqual([
      {
        code: 'CHECKPOINT_DAMAGED',
        place: join(run, 'checkpoints/step-00000004'),
        meaning: expect.stringMatching(`weights.safetensors: its digest is ${sha256(weights)} instead of sha256:`),
      },
    ]);
    expect(checkpoints?.map(({ step }) => step)).toEqual([2, 6]);
  });

  test('with other weights than its step published is found, whatever its manifest says', async () => {
    const run = await copyOf(clean);
    const store = new CheckpointStore(join(run, 'checkpoints'));
    const checkpoint = await store.read('step-00000004');
    const [[name, tensor] = [undefined, undefined]] = checkpoint.parameters;
    const data = Float32Array.from(tensor?.data ?? []).fill(1);
    const parameters = new Map([...checkpoint.parameters, [name as string, { shape: tensor?.shape ?? [], data }]]);
    await rm(join(run, 'checkpoints/step-00000004'), { recursive: true });
    await store.write({ ...checkpoint, parameters });
    expect((await verifyFolder(run)).problems.first).toEqual([
      expect.objectContaining({
        code: 'CHECKPOINT_DIFFERS',
        meaning: expect.stringMatching(/its weights have digest/),
      }),
    ]);
  });

  test('of another run is found', async () => {
    const run = await copyOf(clean);
    const store = new CheckpointStore(join(run, 'checkpoints'));
    await store.write({ ...(await store.read('step-00000004')), step: 5, runId: 'other' });
    expect((await verifyFolder(run)).problems.first).toEqual([
      expect.objectContaining({ code: 'CHECKPOINT_DIFFERS', meaning: expect.stringMatching(/to run other/) }),
    ]);
  });
});

test('what has not been consumed yet is waiting', async () => {
  const run = await copyOf(clean);
  editLog(run, (file) => {
    for (let i = 0; i < 5; i++) file.repeat(preferences, 10 + i);
    for (const offset of [STEPS - 1, STEPS - 2]) file.remove(trainingSteps, offset);
  });
  await rm(join(run, 'checkpoints/step-00000006'), { recursive: true });
  const report = await verifyFolder(run);
  expect(report.problems.first).toEqual([]);
  expect(report.sources[0]?.waiting).toBe(5);
  expect(report.steps).toMatchObject({ steps: 4, waitingBatches: 2 });
});

test('what retention has removed is counted, and no problem', async () => {
  const run = await copyOf(clean);
  editLog(run, (file) => {
    file.cutOff(preferences, 9);
    file.cutOff(deadLetters, 2);
  });
  const report = await verifyFolder(run);
  expect(report.problems.first).toEqual([]);
  expect(report.sources[0]).toMatchObject({ records: 19, pairs: 18 });
  expect(report.sources[0]?.expired).toBeGreaterThan(0);
});

test('a gap between batches is found where the records have expired', async () => {
  const run = await copyOf(clean);
  editLog(run, (file) => {
    file.cutOff(preferences, 20);
    file.remove(preferenceBatches, 2);
  });
  expect((await verifyFolder(run)).problems.counts).toEqual({ STEP_WITHOUT_BATCH: 1, RECORD_LOST: 1 });
});

test('of many problems all are counted, and the first are shown', async () => {
  const run = await copyOf(clean);
  editLog(run, (file) => {
    for (let offset = 1; offset < STEPS; offset++) {
      editBatch(file, offset, (batch) => Object.assign(batch, { tokenizerDigest: 'sha256:other' }));
    }
  });
  const { problems } = await verifyFolder(run, 2);
  expect(problems).toMatchObject({ total: 5, counts: { DIGEST_CHANGED: 5 } });
  expect(problems.first).toHaveLength(2);
});

describe('the command', () => {
  async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
    await using child = new ServiceProcess(['verify', ...args]);
    const code = await child.exited();
    return { code, output: child.output };
  }

  test('ends with 0 where the run is clean, 1 where there are problems, 2 where it cannot be checked', async () => {
    const damaged = await copyOf(clean);
    editLog(damaged, (file) => file.remove(trainingSteps, 2));
    const found = await run('--run', damaged, '--problems', '1');
    expect([(await run('--run', clean)).code, found.code]).toEqual([0, 1]);
    expect(found.output).toMatch(/2 problems:\n {2}STEP_MISSING at training-steps offset 3\n.*\n {2}and 1 more/);
    const missing = await run('--run', join(damaged, 'nowhere'));
    expect(missing).toEqual({ code: 2, output: expect.stringMatching(/could not be checked: --run: there is no /) });
    expect((await run('--rnu', clean)).code).toBe(2);
  });

  test('writes the report as JSON', async () => {
    const { code, output } = await run('--run', clean, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual(await verifyFolder(clean));
  });
});
