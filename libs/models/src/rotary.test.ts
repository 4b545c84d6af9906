import { partialRotaryOf, rotaryOf, rotaryTables } from './rotary.ts';

/** Two dimension pairs: the plain frequencies are 1 and 0.01. */
const HEAD_DIM = 4;
const base = { max_position_embeddings: 64, rope_theta: 10_000 };
const longrope = {
  ...base,
  original_max_position_embeddings: 16,
  rope_scaling: { type: 'longrope', short_factor: [1, 2], long_factor: [4, 8] },
};

test.each([
  ['plain', base, { rope_parameters: { rope_type: 'default', rope_theta: 10_000 } }],
  [
    'linear',
    { ...base, rope_scaling: { type: 'linear', factor: 2 } },
    { rope_parameters: { rope_type: 'linear', rope_theta: 10_000, factor: 2 } },
  ],
  [
    'llama3',
    {
      ...base,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
      },
    },
    {
      rope_parameters: {
        rope_type: 'llama3',
        rope_theta: 10_000,
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
      },
    },
  ],
  [
    'longrope',
    longrope,
    {
      rope_parameters: {
        rope_type: 'longrope',
        rope_theta: 10_000,
        short_factor: [1, 2],
        long_factor: [4, 8],
        original_max_position_embeddings: 16,
      },
    },
  ],
])('%s frequencies are the same in both spellings', (_name, old, current) => {
  const { max_position_embeddings } = base;
  expect(rotaryOf(old, HEAD_DIM)).toEqual(rotaryOf({ max_position_embeddings, ...current }, HEAD_DIM));
});

test('linear scaling slows all frequencies', () => {
  const { inverseFrequencies } = rotaryOf({ ...base, rope_scaling: { type: 'linear', factor: 4 } }, HEAD_DIM);
  expect([...inverseFrequencies]).toEqual([0.25, 0.0025]);
});

test('LongRoPE divides each frequency by its factor, and scales by how far the context was extended', () => {
  const { inverseFrequencies, long, magnitude } = rotaryOf(longrope, HEAD_DIM);
  expect([...inverseFrequencies]).toEqual([1, 0.005]);
  expect([...(long?.inverseFrequencies ?? [])]).toEqual([0.25, 0.00125]);
  expect(long?.above).toBe(16);
  expect(magnitude).toBeCloseTo(Math.sqrt(1 + Math.log(4) / Math.log(16)), 15);
});

test('an attention factor replaces the one that LongRoPE computes, and none is needed without an extension', () => {
  const given = { ...longrope, rope_scaling: { ...longrope.rope_scaling, attention_factor: 1.5 } };
  expect(rotaryOf(given, HEAD_DIM).magnitude).toBe(1.5);
  expect(rotaryOf({ ...longrope, max_position_embeddings: 16 }, HEAD_DIM).magnitude).toBe(1);
});

test('a factor that contradicts the two contexts is refused by name', () => {
  const rope_scaling = { ...longrope.rope_scaling, factor: 8 };
  expect(() => rotaryOf({ ...longrope, rope_scaling }, HEAD_DIM)).toThrow(/config\.json: factor: 8 .*\(4\)/);
});

test('the longest sequence that a token is in chooses its frequencies', () => {
  const { cos, sin } = rotaryTables(rotaryOf(longrope, HEAD_DIM), [3, 3], [16, 17]);
  const { magnitude } = rotaryOf(longrope, HEAD_DIM);
  const expected = [3 * 1, 3 * 0.005, 3 * 0.25, 3 * 0.00125];
  expect([...cos]).toEqual(expected.map((angle) => Math.fround(magnitude * Math.cos(angle))));
  expect([...sin]).toEqual(expected.map((angle) => Math.fround(magnitude * Math.sin(angle))));
});

test.each([
  ['beside the other options', { ...base, partial_rotary_factor: 0.5 }],
  ['among the rotary options', { ...base, rope_parameters: { rope_theta: 10_000, partial_rotary_factor: 0.5 } }],
])('a share of each head is rotated, with frequencies of its own size (%s)', (_place, config) => {
  expect([...partialRotaryOf(config, 8).inverseFrequencies]).toEqual([...rotaryOf(base, 4).inverseFrequencies]);
});
