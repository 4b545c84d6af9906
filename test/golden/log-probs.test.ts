import { readdir } from 'node:fs/promises';
import { type Engine, openEngine, type PolicyChoice, type SequenceLogProbs } from '@alphapo/engine';
import { describeShared } from '../support/shared-data.ts';
import { expectLogProbs, type Scored } from './expectations.ts';
import {
  CASES,
  FAMILIES,
  type Golden,
  goldenPath,
  modelPath,
  modelWithOldSpelling,
  readGolden,
  readStoriesGolden,
  storiesPath,
} from './golden-files.ts';
import { CPU, load, loadedAs, startOf } from './policies.ts';

/** Each response as a sequence of its own, its prompt computed again. */
async function scoreApart(engine: Engine, golden: Golden, policy: PolicyChoice): Promise<Scored[]> {
  const side = (which: 'chosen' | 'rejected') =>
    engine.score(
      golden.pairs.map((pair) => ({ prompt: pair.prompt, response: pair[which] })),
      policy,
    );
  const [chosen, rejected] = [await side('chosen'), await side('rejected')];
  return chosen.map((first, i) => ({ chosen: first, rejected: rejected[i] as SequenceLogProbs }));
}

const SPELLINGS = [
  { spelling: 'as the checkpoint ships it', folderOf: async (family: string) => modelPath(family) },
  { spelling: 'in the spelling of transformers 4', folderOf: modelWithOldSpelling },
] as const;

describeShared('golden/models', () => {
  test('no family is left out', async () => {
    expect((await readdir(goldenPath('models'))).sort()).toEqual(FAMILIES);
  });

  describe.each(SPELLINGS)('with config.json $spelling', ({ folderOf }) => {
    test.each(CASES)('%s (%s) gives every token the log-probability of the reference', async (family, trained) => {
      const golden = await readGolden(family, trained);
      await using engine = await openEngine(await folderOf(family), CPU);
      const policy = trained === 'lora' ? loadedAs('adapter') : ({ kind: 'base' } as const);
      if (trained === 'lora') await load(engine, 'adapter', await startOf(modelPath(family), 'lora'));
      expectLogProbs(await engine.scorePairs(golden.pairs, policy), golden);
      expectLogProbs(await scoreApart(engine, golden, policy), golden);
    });
  });

  test('all weights given as a policy score as the model that they came from', async () => {
    const golden = await readGolden('llama');
    await using engine = await openEngine(modelPath('llama'), CPU);
    await load(engine, 'all', await startOf(modelPath('llama'), 'full'));
    expectLogProbs(await engine.scorePairs(golden.pairs, loadedAs('all')), golden);
  });
});

describeShared('data/models/stories260K', () => {
  test('a trained Llama gives every token the log-probability of the reference', async () => {
    const golden = await readStoriesGolden();
    await using engine = await openEngine(storiesPath(), CPU);
    expectLogProbs(await engine.scorePairs(golden.pairs, { kind: 'base' }), golden);
    expectLogProbs(await scoreApart(engine, golden, { kind: 'base' }), golden);
  });
});
