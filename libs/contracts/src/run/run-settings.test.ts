import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_RECORD_BYTES } from '@alphapo/base';
import { readSettingsFile } from '@alphapo/settings';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { PreferenceBatch } from '../index.ts';
import { type RunSettings, resolveRun, resolveRunSpecification, runSettingsSchema } from './run-settings.ts';

const facts = { maxPositions: 4096, linearLayers: ['v_proj', 'q_proj'], parameterCount: 1e6, pairs: 1000 };
const resolve = (settings: Partial<RunSettings> = {}) =>
  resolveRunSpecification(runSettingsSchema.parse(settings), facts);

test("the defaults are the paper's recipe", () => {
  expect(resolve()).toMatchObject({
    objective: { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25 },
    method: { kind: 'lora', rank: 16, alpha: 32, targets: ['q_proj', 'v_proj'] },
    schedule: { kind: 'cosine', totalSteps: 8, warmupSteps: 1 },
    batch: { pairs: 128 },
    lengths: { maxLength: 2048, maxPromptLength: 1800 },
  });
  expect(resolve({ full: true }).optimizer.learningRate).toBe(7e-7);
});

test('lengths follow a model with fewer positions', () => {
  const specification = resolveRunSpecification(runSettingsSchema.parse({}), { ...facts, maxPositions: 512 });
  expect(specification.lengths).toEqual({ maxLength: 512, maxPromptLength: 450 });
});

test('gamma is the ratio times beta', () => {
  expect(resolve({ objective: 'simpo', beta: 10, gammaRatio: 0.3 }).objective).toEqual({
    kind: 'simpo',
    beta: 10,
    gamma: 3,
  });
});

test.each<[string, Partial<RunSettings>]>([
  ['gamma', { gamma: 1, gammaRatio: 0.1 }],
  ['steps', { steps: 3, epochs: 1 }],
  ['warmup-steps', { warmupSteps: 3, warmupRatio: 0.1 }],
  ['max-length', { maxLength: 5000 }],
  ['max-prompt-length', { maxLength: 100, maxPromptLength: 100 }],
  ['gamma-ratio', { objective: 'dpo', gammaRatio: 0.1 }],
  ['beta', { objective: 'sft', beta: 1 }],
])('a wrong %s is refused by name', (key, settings) => {
  expect(() => resolve(settings)).toThrow(
    expect.objectContaining({ reason: 'INVALID_SETTING', metadata: { setting: key } }),
  );
});

test.each<[string, Partial<RunSettings>, string]>([
  ['batch-size', { batchSize: 20_000, shards: 4, maxLength: 2 }, 'raise shards to 5'],
  ['batch-size', { batchSize: 2_000 }, 'lower it to 1091, or lower max-length'],
])('a %s that no record or no scorer could take is refused before the run', (key, settings, said) => {
  expect(() => resolve({ maxPromptLength: 1, ...settings })).toThrow(
    expect.objectContaining({ metadata: { setting: key }, message: expect.stringContaining(said) }),
  );
});

test('the longest pairs of the largest batch fit into a record', () => {
  const longest = {
    id: '\u{ffff}'.repeat(1_000),
    ...{ prompt: [], chosen: Array(2_048).fill(2 ** 21 - 1), rejected: Array(2_048).fill(2 ** 21 - 1) },
    ...{ truncatedPromptTokens: 2 ** 31, truncatedChosenTokens: 2 ** 31, truncatedRejectedTokens: 2 ** 31 },
    sourceOffset: 2n ** 63n - 1n,
  };
  const pairs = resolve({ batchSize: 1_091 }).batch.pairs;
  const batch = PreferenceBatch.fromPartial({ pairs: Array(pairs).fill(longest) });
  expect(PreferenceBatch.encode(batch).finish().length).toBeLessThan(MAX_RECORD_BYTES);
});

test('settings that come to absurd numbers are refused by name', () => {
  expect(() => resolve({ epochs: 1e300 })).toThrow(
    expect.objectContaining({ reason: 'INVALID_SETTING', message: expect.stringContaining('schedule.') }),
  );
});

test('a file of settings that is too long to be one is refused by name', async () => {
  const file = join(await temporaryFolder(), 'run.yaml');
  await writeFile(file, `steps: ${'['.repeat(100_000)}`);
  await expect(readSettingsFile(file)).rejects.toMatchObject({
    reason: 'INVALID_CONFIG_FILE',
    message: `${file}: has more than 65536 characters; is it the right file?`,
  });
});

describe('a run that would train nothing', () => {
  const run = (pairs: number | undefined, settings: Partial<RunSettings> = {}) => {
    const { specification, adjustments } = resolveRun(runSettingsSchema.parse(settings), { ...facts, pairs });
    const { batch, schedule } = specification;
    return {
      ...{ batch: batch.pairs, shards: batch.shards, steps: schedule.totalSteps, warmup: schedule.warmupSteps },
      said: adjustments.map(({ setting }) => setting),
    };
  };
  const usual = { batch: 128, shards: 4, said: [] };

  test.each<[number, Partial<RunSettings>, ReturnType<typeof run>]>([
    [1, {}, { batch: 1, shards: 1, steps: 1, warmup: 0, said: ['batchSize', 'warmupRatio'] }],
    [4, {}, { batch: 1, shards: 1, steps: 4, warmup: 1, said: ['batchSize'] }],
    [10, {}, { batch: 1, shards: 1, steps: 10, warmup: 1, said: ['batchSize'] }],
    [100, {}, { batch: 8, shards: 4, steps: 13, warmup: 2, said: ['batchSize'] }],
    [128, {}, { batch: 16, shards: 4, steps: 8, warmup: 1, said: ['batchSize'] }],
    [50, { steps: 200 }, { batch: 4, shards: 4, steps: 200, warmup: 20, said: ['batchSize'] }],
  ])('%d pairs with %j make a smaller default batch', (pairs, settings, expected) => {
    expect(run(pairs, settings)).toEqual(expected);
  });

  test.each<[number | undefined, Partial<RunSettings>, ReturnType<typeof run>]>([
    // More than one step of the default batch, as in the releases before.
    [129, {}, { ...usual, steps: 2, warmup: 1 }],
    [128, { epochs: 3 }, { ...usual, steps: 3, warmup: 1 }],
    [1000, {}, { ...usual, steps: 8, warmup: 1 }],
    // Services do not know the number of pairs.
    [undefined, { steps: 20 }, { ...usual, steps: 20, warmup: 2 }],
    [10, { batchSize: 2, shards: 4 }, { ...usual, batch: 2, steps: 5, warmup: 1 }],
  ])('%s pairs with %j keep the batch', (pairs, settings, expected) => {
    expect(run(pairs, settings)).toEqual(expected);
  });

  test.each<[Partial<RunSettings>, number, string[]]>([
    [{ steps: 2, warmupSteps: 1000 }, 1, ['warmupSteps']],
    [{ steps: 1 }, 0, ['warmupRatio']],
    [{ steps: 1, warmupSteps: 0 }, 0, []],
    [{ steps: 10, warmupRatio: 1 }, 9, ['warmupRatio']],
    [{ steps: 10, warmupSteps: 9 }, 9, []],
  ])('%j leaves the last step its full rate', (settings, warmup, said) => {
    expect(run(undefined, settings)).toMatchObject({ warmup, said });
  });

  test('what is used instead is said with why', () => {
    const { adjustments } = resolveRun(runSettingsSchema.parse({ warmupSteps: 1000, steps: 2 }), {
      ...facts,
      pairs: 10,
    });
    expect(adjustments.map(({ message }) => message)).toEqual([
      'batch-size: 1 instead of the default 128, because the data has only 10 pairs; set --batch-size to override',
      'warmup-steps: 1 warm-up step instead of 1000, because the run has 2 steps, and the last one needs the peak learning rate',
    ]);
  });
});
