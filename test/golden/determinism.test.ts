import { type FloatTensors, seededRandom } from '@alphapo/base';
import { policyDigest } from '@alphapo/checkpoints';
import { openEngine } from '@alphapo/engine';
import { describeShared, sharedPath } from '../shared-data.ts';
import { fullStart, load } from './policies.ts';

/** Pairs of random tokens for the real small Llama. */
function randomPairs(count: number) {
  const random = seededRandom(9);
  const ids = () => Array.from({ length: 20 + random.below(60) }, () => random.below(512));
  return Array.from({ length: count }, () => ({ prompt: ids(), chosen: ids(), rejected: ids() }));
}

describeShared('data/models/stories260K/hf', () => {
  const model = () => sharedPath('data/models/stories260K/hf') as string;
  const objective = { kind: 'alphapo', alpha: 0.25, beta: 2.5, gamma: 0.25 } as const;

  async function digestOfGradient(threads: number, times = 1): Promise<string[]> {
    await using engine = await openEngine(model(), { executionProvider: 'cpu', threads });
    await load(engine, 'start', await fullStart(model()));
    const request = { pairs: randomPairs(12), batchPairs: 12, objective, policyDigest: 'start' };
    const gradients: FloatTensors[] = [];
    for (let i = 0; i < times; i++) gradients.push((await engine.gradient(request)).gradient);
    return gradients.map(policyDigest);
  }

  test('the same shard gives the same bits, again and in another engine', async () => {
    const [first, again] = await digestOfGradient(2, 2);
    const [elsewhere] = await digestOfGradient(2);
    expect(again).toBe(first);
    expect(elsewhere).toBe(first);
  });
});
