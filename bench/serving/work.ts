import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@alphapo/base';
import { initModel, TINY_CONFIG } from '@alphapo/cli';
import type { PairTokens } from '@alphapo/engine';
import { giveTokenizer } from '../byte-tokenizer.ts';
import { openWork } from '../work.ts';

/** What is served and scored. */
export interface ServingWork {
  readonly what: string;
  readonly model: string;
  /** Of lengths as data has them. */
  readonly longPairs: readonly PairTokens[];
  readonly shortPairs: readonly PairTokens[];
}

/** About as large as the peers' model, which is there only where `npm run bench` was run. */
const OWN_MODEL = {
  ...TINY_CONFIG,
  ...{ hidden_size: 512, intermediate_size: 1408, num_hidden_layers: 16 },
  ...{ num_attention_heads: 8, num_key_value_heads: 8, max_position_embeddings: 2048 },
};
const SHORT = { prompt: 24, response: 12 };
const LONG = { prompt: 150, response: 120 };

/** Puts the model into a folder, with a tokenizer. */
export async function openServingWork(folder: string): Promise<ServingWork> {
  const model = join(folder, 'model');
  const peers = peersWork();
  if (peers === undefined) {
    const parameters = await initModel(model, OWN_MODEL, 1);
    const random = randomPairs(TINY_CONFIG.vocab_size);
    return {
      what: `${Math.round(parameters / 1e6)}M-parameter Llama, random pairs`,
      ...{ model, longPairs: random(LONG), shortPairs: random(SHORT) },
    };
  }
  const { pairs } = await openWork(peers);
  await mkdir(folder, { recursive: true });
  await cp(join(peers, 'model'), model, { recursive: true });
  await giveTokenizer(model);
  const shortPairs = pairs.map(({ prompt, chosen, rejected }) => ({
    prompt: prompt.slice(-SHORT.prompt),
    chosen: chosen.slice(0, SHORT.response),
    rejected: rejected.slice(0, SHORT.response),
  }));
  return { what: "the peers' 53M-parameter Llama, HH pairs cut to 512 tokens", model, longPairs: pairs, shortPairs };
}

/** The settings of a run, for the optimizer that the scorers fetch their policy from. */
export async function writeRunSettings(folder: string): Promise<string> {
  const file = join(folder, 'run.yaml');
  await writeFile(file, 'steps: 1\nbatchSize: 1\nmaxLength: 1024\nmaxPromptLength: 512\n');
  return file;
}

function peersWork(): string | undefined {
  const cache = process.env.ALPHAPO_BENCH_CACHE ?? join(homedir(), '.cache/alphapo-bench');
  const names = existsSync(cache) ? readdirSync(cache) : [];
  return names.map((name) => join(cache, name)).find((folder) => existsSync(join(folder, 'done')));
}

function randomPairs(vocabularySize: number): (lengths: { prompt: number; response: number }) => PairTokens[] {
  const random = seededRandom(3);
  const ids = (mean: number) =>
    Array.from({ length: mean / 2 + random.below(mean) }, () => random.below(vocabularySize));
  return ({ prompt, response }) =>
    Array.from({ length: 64 }, () => ({ prompt: ids(prompt), chosen: ids(response), rejected: ids(response) }));
}
