import { plannedWeights } from '@alphapo/engine';
import { modelFromConfig } from '@alphapo/models';
import { fitMemory } from './memory.ts';
import { memoryPlanner } from './memory-planner.ts';

const model = plannedWeights(
  modelFromConfig({
    ...{ model_type: 'llama', vocab_size: 8000, hidden_size: 256, intermediate_size: 688, num_hidden_layers: 8 },
    ...{ num_attention_heads: 8, num_key_value_heads: 8, max_position_embeddings: 4096 },
  }),
  'f32',
);
const specification: Parameters<typeof memoryPlanner>[1] = {
  objective: { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25, labelSmoothing: 0 },
  method: { kind: 'lora', rank: 8, alpha: 16, targets: ['q_proj', 'v_proj'] },
  lengths: { maxLength: 512, maxPromptLength: 384 },
  dtype: 'float32',
  device: 'cpu',
  compute: { packTokens: 2048, activations: 'kept', weights: 'packed' },
};
const planner = memoryPlanner(model, specification);
const fit = (limitBytes: number, settings = {}) => fitMemory(planner, { specification, settings }, limitBytes);

test('with room nothing is given up; with less, packed weights first, then activations, then the size of packs', () => {
  const roomy = fit(1e12);
  expect(roomy.compute).toEqual(specification.compute);
  const tighter = [0, 1, 2, 3].reduce<ReturnType<typeof fit>[]>(
    (fits) => [...fits, fit((fits.at(-1) ?? roomy).plan.totalBytes - 1)],
    [],
  );
  expect(tighter.map(({ compute }) => compute)).toEqual([
    { packTokens: 2048, activations: 'kept', weights: 'in-place' },
    { packTokens: 2048, activations: 'recomputed', weights: 'packed' },
    { packTokens: 2048, activations: 'recomputed', weights: 'in-place' },
    { packTokens: 1024, activations: 'recomputed', weights: 'in-place' },
  ]);
});

test('answering prompts between steps counts, and more of them take more', () => {
  const bytes = [0, 1, 16].map((sequences) => {
    const answers = sequences === 0 ? undefined : { sequences, promptTokens: 128, maxTokens: 128 };
    return memoryPlanner(model, { ...specification, answers })({}).totalBytes;
  });
  expect(bytes).toEqual([...new Set(bytes)].sort((a, b) => a - b));
});

test('what the settings say is not given up', () => {
  const settings = { packWeights: true, recompute: false };
  const { compute } = fit(fit(1e12).plan.totalBytes - 1, settings);
  expect(compute).toEqual({ packTokens: 1024, activations: 'kept', weights: 'packed' });
});

describe('what cannot fit is refused, with what would', () => {
  /** Stored in bfloat16, as published models are: computing in float32 takes copies. */
  const stored = plannedWeights(model.definition, 'bf16');
  const full = {
    ...specification,
    method: { kind: 'full' },
    compute: { ...specification.compute, weights: 'in-place' },
  } as const;
  const least = { packTokens: 128, activations: 'recomputed', weights: 'in-place' } as const;
  const advice = (
    run: typeof specification,
    limit: (plan: ReturnType<typeof memoryPlanner>) => number,
    settings = {},
  ) => {
    const planned = memoryPlanner(stored, run);
    try {
      fitMemory(planned, { specification: run, settings }, limit(planned));
    } catch (error) {
      const [, said = ''] = /limit of [\d.]+ [MG]B: (.*)$/.exec(String(error)) ?? [];
      return said.replaceAll(/ \([\d.]+ [MG]B\)/g, '');
    }
    return 'fits';
  };
  const below = (change: Parameters<typeof planner>[0]) => (plan: typeof planner) => plan(change).totalBytes - 1;
  const justEnough = (change: Parameters<typeof planner>[0]) => (plan: typeof planner) => plan(change).totalBytes;

  test.each<[string, () => string, string]>([
    [
      'narrower numbers first',
      () => advice(specification, below({ compute: least })),
      '--dtype bfloat16 or --dtype float16',
    ],
    [
      'a setting that holds on to speed, before everything else',
      () => advice(specification, justEnough({ compute: least }), { recompute: false, packTokens: 2048 }),
      '--recompute --pack-tokens 128 or ',
    ],
    [
      'LoRA for all weights',
      () => advice(full, justEnough({ compute: least, method: 'lora' })),
      'LoRA instead of --full',
    ],
    [
      'lengths where numbers are narrow already',
      () => advice({ ...specification, dtype: 'bfloat16' }, below({ compute: least })),
      '--max-length 256 would fit',
    ],
    [
      'several together where none alone is enough',
      () => advice(full, justEnough({ compute: least, method: 'lora', dtype: 'bfloat16' })),
      'LoRA instead of --full --dtype bfloat16 would fit',
    ],
    [
      'a smaller model at last',
      () => advice(specification, () => 1e6),
      'use a smaller model, or a machine with more memory',
    ],
  ])('%s', (_, given, expected) => {
    expect(given()).toContain(expected);
  });

  test('on WebGPU there is no bfloat16', () => {
    expect(advice({ ...specification, device: 'webgpu' }, below({ compute: least }))).not.toContain('bfloat16');
  });
});
