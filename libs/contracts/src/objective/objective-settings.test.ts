import { type RunSettings, resolveRunSpecification, runSettingsSchema } from '../run/run-settings.ts';
import type { Objective } from './objective.ts';

const facts = { maxPositions: 4096, linearLayers: ['q_proj'], parameterCount: 1e6, pairs: 1000 };
const resolve = (settings: Partial<RunSettings>) => resolveRunSpecification(runSettingsSchema.parse(settings), facts);

const TOKENS = { weight: 1, average: 'tokens' } as const;

test.each<[Partial<RunSettings>, Objective]>([
  [{}, { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25 }],
  [{ objective: 'simpo' }, { kind: 'simpo', beta: 2.5, gamma: 1.25 }],
  [{ objective: 'dpo' }, { kind: 'dpo', beta: 0.1 }],
  [{ objective: 'ipo' }, { kind: 'ipo', beta: 0.1, logProb: 'mean', reference: 'base' }],
  [
    { objective: 'ipo', logProb: 'sum', reference: 'none', beta: 0.5 },
    { kind: 'ipo', beta: 0.5, logProb: 'sum', reference: 'none' },
  ],
  [{ objective: 'orpo' }, { kind: 'orpo', beta: 0.1 }],
  [{ objective: 'cpo' }, { kind: 'cpo', beta: 0.1, nll: TOKENS }],
  [
    { objective: 'cpo', nllWeight: 0 },
    { kind: 'cpo', beta: 0.1 },
  ],
  [{ objective: 'hinge' }, { kind: 'hinge', beta: 1, reference: 'none' }],
  [
    { objective: 'hinge', reference: 'base' },
    { kind: 'hinge', beta: 0.1, reference: 'base' },
  ],
  [{ objective: 'sft' }, { kind: 'sft', average: 'pairs' }],
  [
    { objective: 'sft', nllAverage: 'tokens' },
    { kind: 'sft', average: 'tokens' },
  ],
  [
    { objective: 'dpo', nllWeight: 1, nllAverage: 'pairs', labelSmoothing: 0.1 },
    { kind: 'dpo', beta: 0.1, labelSmoothing: 0.1, nll: { weight: 1, average: 'pairs' } },
  ],
  [
    { objective: 'simpo', nllWeight: 1 },
    { kind: 'simpo', beta: 2.5, gamma: 1.25, nll: TOKENS },
  ],
  [{ labelSmoothing: 0 }, { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25 }],
])('%j', (settings, objective) => {
  expect(resolve(settings).objective).toEqual(objective);
});

test('a preset gives objective, numbers and learning rate', () => {
  const { objective, optimizer } = resolve({ preset: 'simpo-llama-3-8b-instruct', full: true });
  expect(objective).toEqual({ kind: 'simpo', beta: 2.5, gamma: 2.5 * 0.55 });
  expect(optimizer.learningRate).toBe(1e-6);
  expect(resolve({ preset: 'simpo-llama-3-8b-instruct' }).optimizer.learningRate).toBeCloseTo(1e-5, 12);
});

test('single settings win over a preset', () => {
  const settings = { preset: 'alphapo-mistral-7b-instruct', objective: 'alphapo', beta: 10, gamma: 2 } as const;
  expect(resolve({ ...settings, learningRate: 1e-6 })).toMatchObject({
    objective: { kind: 'alphapo', alpha: 0.25, beta: 10, gamma: 2 },
    optimizer: { learningRate: 1e-6 },
  });
});

test.each<[string, Partial<RunSettings>]>([
  ['alpha', { objective: 'simpo', alpha: 0.1 }],
  ['gamma', { objective: 'cpo', gamma: 1 }],
  ['gamma-ratio', { objective: 'hinge', gammaRatio: 1 }],
  ['label-smoothing', { objective: 'ipo', labelSmoothing: 0.1 }],
  ['label-smoothing', { objective: 'orpo', labelSmoothing: 0 }],
  ['log-prob', { objective: 'dpo', logProb: 'sum' }],
  ['reference', { objective: 'dpo', reference: 'none' }],
  ['reference', { objective: 'alphapo', reference: 'base' }],
  ['beta', { objective: 'sft', beta: 1 }],
  ['nll-weight', { objective: 'sft', nllWeight: 1 }],
  ['nll-average', { objective: 'dpo', nllAverage: 'tokens' }],
  ['nll-average', { objective: 'cpo', nllWeight: 0, nllAverage: 'tokens' }],
  ['preset', { objective: 'dpo', preset: 'simpo-gemma-2-9b-it' }],
])('%s is refused by name in %j', (setting, settings) => {
  expect(() => resolve(settings)).toThrow(
    expect.objectContaining({ reason: 'INVALID_SETTING', metadata: { setting } }),
  );
});

test.each<[string, object]>([
  ['a label smoothing of half', { labelSmoothing: 0.5 }],
  ['a negative NLL weight', { nllWeight: -1 }],
  ['an unknown reference', { reference: 'other' }],
  ['an unknown preset', { preset: 'mine' }],
])('%s is no setting', (_what, settings) => {
  expect(runSettingsSchema.safeParse(settings).success).toBe(false);
});
