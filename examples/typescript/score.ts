/** Scores two responses to a prompt under the base model. Usage: score.ts PROMPT CHOSEN REJECTED */
import { openScorer } from '@alphapo/client';
import { addresses, options } from './connections.ts';

const [prompt = '', chosen = '', rejected = ''] = process.argv.slice(2);

using scorer = await openScorer(addresses.scorer, options);
const { results } = await scorer.score({
  items: [{ item: { $case: 'textPair', value: { prompt: { $case: 'text', value: prompt }, chosen, rejected } } }],
  policy: { $case: 'base', value: {} },
  objective: { objective: { $case: 'alphapo', value: { alpha: 0.25, beta: 10, gamma: 1 } } },
});
for (const result of results) {
  for (const response of ['chosen', 'rejected'] as const) {
    const score = result[response];
    console.log(`${response}: ${score?.mean.toFixed(4)} nats per token, ${score?.tokens} tokens`);
  }
  console.log(`margin: ${result.reward?.margin.toFixed(4)}`);
}
