import { seededRandom } from '@alphapo/base';
import { temporaryFolder } from '../../../test/temporary-folder.ts';
import { Computer } from './compute.ts';
import { tinyConfigs, writeTinyModel } from './model-fixture.ts';

const CPU = { executionProvider: 'cpu', threads: 1 } as const;
const random = seededRandom(6);
const ids = (length: number) => Array.from({ length }, () => random.below(61));

/** Prompt and response lengths on both sides of every window and context of the small models. */
const LENGTHS = [
  [1, 1],
  [2, 6],
  [4, 8],
  [9, 4],
  [15, 9],
] as const;

test.each(Object.entries(tinyConfigs))(
  'a pair of %s scores as each of its responses does alone',
  async (_n, config) => {
    await using computer = await Computer.open(await writeTinyModel(await temporaryFolder(), config), CPU);
    const pairs = LENGTHS.map(([p, r]) => ({ prompt: ids(p), chosen: ids(r), rejected: ids(r) }));
    const together = await computer.scorePairs(pairs, { kind: 'base' }, undefined, computer.scorePack.bind(computer));
    for (const side of ['chosen', 'rejected'] as const) {
      const sequences = pairs.map((pair) => ({ prompt: pair.prompt, response: pair[side] }));
      const alone = await computer.score(sequences, { kind: 'base' }, computer.scorePack.bind(computer));
      alone.forEach(({ logProbs }, i) => {
        logProbs.forEach((logProb, t) => {
          expect(Math.abs(logProb - (together[i]?.[side].logProbs[t] ?? Number.NaN))).toBeLessThan(2e-5);
        });
      });
    }
  },
);

test('tokens of a window’s far side change nothing, those within do', async () => {
  // One layer: deeper ones see further, through the layers below.
  const config = { ...tinyConfigs.mistral, num_hidden_layers: 1, sliding_window: 5 };
  await using computer = await Computer.open(await writeTinyModel(await temporaryFolder(), config), CPU);
  const prompt = ids(8);
  const changedAt = (i: number) => prompt.map((id, at) => (at === i ? (id + 1) % 61 : id));
  const first = async (changed: number[]) => {
    const [scored] = await computer.score(
      [{ prompt: changed, response: [7] }],
      { kind: 'base' },
      computer.scorePack.bind(computer),
    );
    return scored?.logProbs[0];
  };
  const expected = await first(prompt);
  expect(await first(changedAt(2))).toBe(expected);
  expect(await first(changedAt(3))).not.toBe(expected);
});
