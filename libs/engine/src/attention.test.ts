import { seededRandom } from '@alphapo/base';
import type { TrainingMethod } from '@alphapo/contracts';
import { freshLora } from '@alphapo/models';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { batchTotals } from './batch-totals.ts';
import { tinyConfigs, writeTinyModel } from './model.fixture.ts';
import { batchFeeds, batchPairsFeed, pairFeeds, weightFeed } from './objective-feeds.ts';
import { packRows } from './pack.ts';
import { gradientProgram } from './program.ts';
import type { ProgramStyle } from './program-style.ts';
import { Session } from './session.ts';
import { ModelFolder } from './weights.ts';

const SIMPO = { kind: 'simpo', beta: 2, gamma: 0.5, labelSmoothing: 0 } as const;
const METHOD: TrainingMethod = { kind: 'lora', rank: 2, alpha: 4, targets: ['q_proj', 'k_proj', 'v_proj'] };
const random = seededRandom(9);
const ids = (length: number) => Array.from({ length }, () => random.below(61));

/** Rows of one block, of one for each part, and of several; with an empty prompt, and with neighbours in one block. */
const PAIRS = [
  { prompt: ids(420), chosen: ids(280), rejected: ids(5) },
  { prompt: ids(3), chosen: ids(330), rejected: ids(270) },
  { prompt: ids(6), chosen: ids(4), rejected: ids(3) },
  { prompt: ids(2), chosen: ids(5), rejected: ids(9) },
  { prompt: ids(600), chosen: ids(2), rejected: ids(40) },
];

const CONFIGS = {
  'no window': { ...tinyConfigs.llama, max_position_embeddings: 1024 },
  'windows shorter than a block': {
    ...{ ...tinyConfigs.gemma2, sliding_window: 40, layer_types: undefined, max_position_embeddings: 1024 },
  },
  'windows longer than a block': {
    ...{ ...tinyConfigs.qwen2, use_sliding_window: true, max_window_layers: 1, layer_types: undefined },
    ...{ sliding_window: 300, max_position_embeddings: 1024 },
  },
};

test.each(Object.entries(CONFIGS))(
  'gradients block by block are those of the whole pack: %s',
  async (_name, config) => {
    const folder = await ModelFolder.open(await writeTinyModel(await temporaryFolder(), config));
    const lora = freshLora(folder.definition, METHOD, 3);
    for (const { data } of lora.values()) data.set(data.map((x, i) => x + 0.05 * Math.sin(i)));
    const gradients = async (attention: ProgramStyle['attention']) => {
      const style = { precision: 'f32', attention, logits: 'whole', activations: 'kept' } as const;
      const program = gradientProgram(folder, METHOD, SIMPO, style);
      const options = { executionProvider: 'cpu', threads: 1, weightsFolder: folder.weightsFolder } as const;
      await using session = await Session.create(program.graph, options);
      const rows = PAIRS.map(({ prompt, chosen, rejected }) => ({ prompt, responses: [chosen, rejected] }));
      const pack = packRows(rows, folder.definition, program.windows);
      const totals = batchTotals(PAIRS);
      const outputs = await session.run({
        ...{
          ...pack.feeds,
          ...pairFeeds(pack),
          ...weightFeed(pack.spans.map(() => ({}))),
          ...batchPairsFeed(totals),
          ...batchFeeds(SIMPO, totals),
        },
        ...Object.fromEntries([...lora].map(([name, tensor]) => [name, { type: 'f32' as const, ...tensor }])),
      });
      return new Map(program.gradients.map(({ name, dense }) => [name, outputs[dense ?? '']?.data as Float32Array]));
    };
    const whole = await gradients('whole');
    const blocks = await gradients('blocks');
    expect(whole.size).toBe(lora.size);
    for (const [name, expected] of whole) {
      const found = blocks.get(name) as Float32Array;
      expect(Math.hypot(...expected)).toBeGreaterThan(0);
      const difference = Math.hypot(...expected.map((x, i) => x - (found[i] ?? Number.NaN)));
      expect(difference / Math.hypot(...expected)).toBeLessThan(2e-5);
    }
  },
);
