import type { ModelDefinition } from '@alphapo/models';
import { tokenFeeds } from '../pack.ts';
import type { YieldPoint } from '../yield-point.ts';
import type { DecodingPrograms } from './decoding-batch.ts';
import { logSumExp, type TokenLogProb, topLogProbs } from './log-softmax.ts';
import type { TokenScores } from './sequence.ts';

/** Logits of as many places as fit into this are computed at once. */
const LOGIT_BYTES = 128 * 2 ** 20;

/** Scores a sequence of at least one token, with a yieldPoint before each execution. */
export async function tokenScores(
  tokens: readonly number[],
  { model, prefill, top }: { model: ModelDefinition; prefill: DecodingPrograms['prefill']; top: number },
  yieldPoint: YieldPoint,
): Promise<TokenScores> {
  const V = model.vocabularySize;
  const places = tokens.length - 1;
  const atOnce = Math.max(1, Math.floor(LOGIT_BYTES / (V * Float32Array.BYTES_PER_ELEMENT)));
  const scores: { logProbs: number[]; top: TokenLogProb[][] } = { logProbs: [], top: [] };
  const feeds = tokenFeeds([{ prompt: tokens, responses: [] }], model, prefill.program.windows);
  for (let from = 0; from < places; from += atOnce) {
    await yieldPoint();
    const data = BigInt64Array.from({ length: Math.min(atOnce, places - from) }, (_, i) => BigInt(from + i));
    const { logits } = await prefill.run({ ...feeds, last_tokens: { type: 'i64', shape: [data.length], data } });
    const values = logits?.data as Float32Array;
    for (let i = 0; i < data.length; i++) {
      const own = values.subarray(i * V, (i + 1) * V);
      const total = logSumExp(own);
      scores.logProbs.push((own[tokens[from + i + 1] as number] as number) - total);
      scores.top.push(topLogProbs(own, top, total));
    }
  }
  return scores;
}
