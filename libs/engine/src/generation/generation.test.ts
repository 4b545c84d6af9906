import { join } from 'node:path';
import { type FloatTensor, floatTensor, seededRandom } from '@alphapo/base';
import type { TrainingMethod } from '@alphapo/contracts';
import { loraFactors, modelFromConfig } from '@alphapo/models';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import type { Engine } from '../engine.ts';
import { tinyConfigs, writeTinyModel } from '../model.fixture.ts';
import { type EngineOptions, openEngine } from '../worker-engine.ts';
import { bytesPerPosition } from './key-value-cache.ts';
import type { GenerationRequest } from './sequence.ts';

function randomLora(method: Parameters<typeof loraFactors>[1]): Map<string, FloatTensor> {
  const random = seededRandom(11);
  const factors = loraFactors(modelFromConfig(tinyConfigs.llama), method).flatMap(({ a, b }) => [a, b]);
  return new Map(
    factors.map(({ name, shape }) => {
      const data = Float32Array.from({ length: shape[0] * shape[1] }, () => 0.3 * random.normal());
      return [name, floatTensor(shape, data)];
    }),
  );
}

const BASE = { kind: 'base' } as const;
const PROMPTS = [[3, 1, 4, 1, 5, 9, 2, 6], [27], [31, 41, 59, 26, 53, 58, 9, 7, 9, 3, 2, 3, 8]];

const LONGROPE_CONTEXT = tinyConfigs.phi3.original_max_position_embeddings;

const request = (given: Partial<GenerationRequest> = {}): GenerationRequest => ({
  prompts: PROMPTS,
  continuations: 1,
  maxTokens: 10,
  endTokens: [],
  sampling: { temperature: 0 },
  seed: 1,
  batching: 'together',
  ...given,
});

async function open(family: keyof typeof tinyConfigs, options: Partial<EngineOptions> = {}): Promise<Engine> {
  const folder = await writeTinyModel(join(await temporaryFolder(), 'model'), tinyConfigs[family]);
  return await openEngine(folder, { executionProvider: 'cpu', threads: 1, ...options });
}

/** The log-probability of each possible next token, by the scorer. */
async function nextLogProbs(engine: Engine, tokens: readonly number[]): Promise<number[]> {
  const candidates = Array.from({ length: engine.model.vocabularySize }, (_, token) => ({
    prompt: tokens,
    response: [token],
  }));
  return (await engine.score(candidates, BASE)).map(({ sum }) => sum);
}

describe.each(Object.keys(tinyConfigs) as (keyof typeof tinyConfigs)[])('%s', (family) => {
  test('each token is the most probable one by the scorer, and has its log-probability', async () => {
    await using engine = await open(family);
    const continuations = await engine.generate(request(), BASE);
    for (const [i, { tokens, logProbs, finish }] of continuations.entries()) {
      expect(finish).toBe('length');
      expect(tokens).toHaveLength(10);
      for (const [t, token] of tokens.entries()) {
        const context = [...(PROMPTS[i] as number[]), ...tokens.slice(0, t)];
        // LongRoPE goes by the length of the whole sequence, to which the scorer counts the token that it scores.
        if (context.length === LONGROPE_CONTEXT && family === 'phi3') continue;
        const scored = await nextLogProbs(engine, context);
        expect(scored.indexOf(Math.max(...scored))).toBe(token);
        expect(logProbs[t]).toBeCloseTo(scored[token] as number, 4);
      }
    }
  });
});

describe('sampling', () => {
  const sampled = { temperature: 1, topK: 20, topP: 0.95 };

  test('the same seed gives the same tokens, alone or beside other requests, and another seed gives others', async () => {
    await using engine = await open('llama');
    const asked = request({ sampling: sampled, continuations: 3, maxTokens: 20 });
    const alone = await engine.generate(asked, BASE);
    const others = Array.from({ length: 3 }, (_, i) => engine.generate({ ...asked, seed: 100 + i }, BASE));
    const [beside] = await Promise.all([engine.generate(asked, BASE), ...others]);
    expect(beside?.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
    expect((await others[0])?.map(({ tokens }) => tokens)).not.toEqual(alone.map(({ tokens }) => tokens));
  });

  test('continuations of one prompt differ, and a continuation does not depend on how many there are', async () => {
    await using engine = await open('llama');
    const make = (continuations: number) =>
      engine.generate(request({ prompts: [PROMPTS[0] as number[]], sampling: sampled, continuations }), BASE);
    const [three, five] = [await make(3), await make(5)];
    expect(new Set(five.map(({ tokens }) => tokens.join())).size).toBe(5);
    expect(three.map(({ tokens }) => tokens)).toEqual(five.slice(0, 3).map(({ tokens }) => tokens));
  });

  test('what is computed alone has the same bits whatever else there is', async () => {
    await using engine = await open('gemma2');
    const alone = request({ batching: 'alone', maxTokens: 70 });
    const [first] = await Promise.all([
      engine.generate(alone, BASE),
      engine.generate(request({ seed: 7, maxTokens: 30 }), BASE),
    ]);
    expect(await engine.generate(alone, BASE)).toEqual(first);
    const single = await engine.generate({ ...alone, prompts: [PROMPTS[2] as number[]] }, BASE);
    expect(single[0]).toEqual(first?.[2]);
  });
});

describe('the end of a sequence', () => {
  test('comes with an end token, which is a part of it; others go on', async () => {
    await using engine = await open('llama');
    const [free] = await engine.generate(request({ maxTokens: 12 }), BASE);
    const end = free?.tokens[4] as number;
    const ended = await engine.generate(request({ maxTokens: 12, endTokens: [end] }), BASE);
    expect(ended[0]).toMatchObject({ finish: 'end', tokens: free?.tokens.slice(0, free.tokens.indexOf(end) + 1) });
  });

  test('comes where the model has no more positions', async () => {
    await using engine = await open('llama');
    const { maxPositions } = engine.model;
    const prompt = Array.from({ length: maxPositions - 3 }, (_, i) => i % 60);
    const [last] = await engine.generate(request({ prompts: [prompt], maxTokens: 50 }), BASE);
    expect(last).toMatchObject({ finish: 'length', tokens: { length: 3 } });
    const whole = request({ prompts: [[...prompt, 1, 2, 3]] });
    await expect(engine.generate(whole, BASE)).rejects.toMatchObject({ reason: 'TOO_LONG' });
  });

  test('comes when the caller has enough, at the token that it said so', async () => {
    await using engine = await open('llama');
    const free = await engine.generate(request({ maxTokens: 30 }), BASE);
    const seen: number[] = [];
    const stopped = await engine.generate(request({ maxTokens: 30 }), BASE, {
      onToken: ({ sequence, token }) => {
        if (sequence !== 1) return 'continue';
        seen.push(token);
        return seen.length === 4 ? 'stop' : 'continue';
      },
    });
    expect(stopped[1]).toMatchObject({ finish: 'stopped', tokens: free[1]?.tokens.slice(0, 4) });
    expect([stopped[0], stopped[2]]).toEqual([free[0], free[2]]);
    expect(seen).toHaveLength(4);
  });

  test('comes with the caller, and the engine goes on for others', async () => {
    await using engine = await open('llama');
    const abort = new AbortController();
    const cancelled = engine.generate(request({ maxTokens: 200 }), BASE, {
      signal: abort.signal,
      onToken: () => {
        abort.abort();
        return 'continue';
      },
    });
    const other = engine.generate(request({ seed: 3 }), BASE);
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(await other).toHaveLength(3);
    expect(await engine.generate(request({ seed: 3 }), BASE)).toEqual(await other);
  });
});

test.each<[string, Partial<GenerationRequest>, RegExp]>([
  ['an empty prompt', { prompts: [[]] }, /item 0: the prompt has no tokens/],
  ['a token that the model does not have', { prompts: [[1], [61]] }, /item 1: token id 61/],
  [
    'a temperature below zero',
    { sampling: { temperature: -1 } },
    /temperature is -1; it must be a number of at least 0/,
  ],
  ['top-p of 0', { sampling: { temperature: 1, topP: 0 } }, /topP is 0/],
  ['min-p of 1', { sampling: { temperature: 1, minP: 1 } }, /minP is 1/],
  ['no tokens at all', { maxTokens: 0 }, /maxTokens is 0/],
])('%s is refused by name', async (_what, given, message) => {
  await using engine = await open('llama');
  await expect(engine.generate(request(given), BASE)).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringMatching(message),
  });
});

test('a policy that is not loaded is refused, and one that is changes what is generated', async () => {
  await using engine = await open('llama');
  const method: TrainingMethod & { kind: 'lora' } = {
    kind: 'lora',
    rank: 2,
    alpha: 40,
    targets: ['q_proj', 'down_proj'],
  };
  const policy = { kind: 'policy', digest: 'sha256:1' } as const;
  await expect(engine.generate(request(), policy)).rejects.toMatchObject({ reason: 'POLICY_NOT_LOADED' });
  await engine.loadPolicy({ digest: policy.digest, method, tensors: randomLora(method) });
  const [base, trained] = [await engine.generate(request(), BASE), await engine.generate(request(), policy)];
  expect(trained).not.toEqual(base);
  const { tokens, logProbs } = trained[0] as (typeof trained)[number];
  const [scored] = await engine.score([{ prompt: PROMPTS[0] as number[], response: tokens }], policy);
  for (const [t, logProb] of logProbs.entries()) expect(logProb).toBeCloseTo(scored?.logProbs[t] as number, 4);
});

describe('scores of tokens', () => {
  test.each(['llama', 'gemma2', 'gpt2'] as const)(
    '%s: they are what the scorer gives, whatever is read at once',
    async (family) => {
      await using engine = await open(family);
      const sequences = PROMPTS.filter(({ length }) => length > 1);
      const scores = await engine.tokenScores(sequences, BASE, { top: 3 });
      for (const [i, tokens] of sequences.entries()) {
        const { logProbs, top } = scores[i] as (typeof scores)[number];
        const [scored] = await engine.score([{ prompt: tokens.slice(0, 1), response: tokens.slice(1) }], BASE);
        expect(logProbs).toHaveLength(tokens.length - 1);
        for (const [t, logProb] of logProbs.entries()) expect(logProb).toBeCloseTo(scored?.logProbs[t] as number, 4);
        const next = await nextLogProbs(engine, tokens.slice(0, 2));
        const best = [...next.keys()].sort((a, b) => (next[b] as number) - (next[a] as number)).slice(0, 3);
        expect(top[1]?.map(({ token }) => token)).toEqual(best);
      }
    },
  );

  test('a single token follows nothing', async () => {
    await using engine = await open('llama');
    expect(await engine.tokenScores([[5]], BASE)).toEqual([{ logProbs: [], top: [] }]);
    await expect(engine.tokenScores([[]], BASE)).rejects.toMatchObject({ reason: 'EMPTY_PROMPT' });
  });
});

test('the most probable tokens come beside each token where they are asked for', async () => {
  await using engine = await open('llama');
  const tops: number[] = [];
  await engine.generate(request({ topLogProbs: 2 }), BASE, {
    onToken: ({ token, logProb, top }) => {
      expect(top).toHaveLength(2);
      expect(top?.[0]).toEqual({ token, logProb });
      tops.push(...(top ?? []).map((candidate) => candidate.logProb));
      return 'continue';
    },
  });
  expect(tops).toHaveLength(2 * 10 * PROMPTS.length);
});

test('sequences that the cache has no room for wait, and say the same', async () => {
  const asked = request({ prompts: Array.from({ length: 6 }, (_, i) => [i + 1, 7, 9]), maxTokens: 12 });
  await using roomy = await open('llama');
  const expected = await roomy.generate(asked, BASE);
  // Room for two sequences of 3 + 12 tokens.
  const {
    num_hidden_layers: layers,
    num_key_value_heads: keyValueHeads,
    hidden_size: D,
    num_attention_heads: H,
  } = tinyConfigs.llama;
  const layer = { keyValueHeads, headDim: D / H, slidingWindow: undefined };
  const cacheBytes = 2 * 15 * bytesPerPosition(Array.from({ length: layers }, () => layer));
  await using tight = await open('llama', { cacheBytes });
  let [running, most] = [0, 0];
  const started = new Set<number>();
  const continued = await tight.generate(asked, BASE, {
    onToken: ({ sequence, finish }) => {
      if (!started.has(sequence)) running++;
      started.add(sequence);
      most = Math.max(most, running);
      if (finish !== undefined) running--;
      return 'continue';
    },
  });
  expect(continued.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
  expect(most).toBe(2);
});
