import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ModelFolder, planGeneration } from '@alphapo/engine';
import { matrixPeaks, multipliesBfloat16 } from '../matrix-peak.ts';
import { type Row, rowOf } from './comparison.ts';
import type { Contestant } from './contestant.ts';
import { contestantsFor, installPython } from './contestants.ts';
import { promptsOf } from './prompts.ts';
import { describeRow, generationReport } from './report.ts';
import { quietTrial, type Trial } from './trial.ts';

const HELP = `Tokens per second and peak memory of greedy generation: AlphaPO's engine, transformers' generate, and llama.cpp.

  npm run bench:generation -- [--model FOLDER] [--sequences 1,8] [--prompt-tokens 512] [--tokens 128] [--rounds 3] [--threads 2]

The model is a Llama, by default SmolLM2-135M-Instruct (ALPHAPO_SMOLLM2, or ~/.cache/alphapo-models/smollm2-135m-instruct).
Prompts are tokens of this repository's documents. For a first look, take --rounds 1 --tokens 32.

Contestants take turns, each in a process of its own that first warms up; medians are reported. A trial waits until the
machine is quiet, and is repeated if other work disturbs it. No ratio is given for float32 tokens that differ from AlphaPO's.

The peers need Python and npm: transformers, the GGUF files and node-llama-cpp go into the benchmarks' cache (about 7 GB).
Progress goes to stderr. Results are written to bench/results/generation.md. It takes about half an hour.`;

const RESULTS = join(import.meta.dirname, '../results');
const WARM_UP_TOKENS = 4;

const { values } = parseArgs({
  options: {
    model: {
      type: 'string',
      default: process.env.ALPHAPO_SMOLLM2 ?? join(homedir(), '.cache/alphapo-models/smollm2-135m-instruct'),
    },
    sequences: { type: 'string', default: '1,8' },
    'prompt-tokens': { type: 'string', default: '512' },
    tokens: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
const { model } = values;
const [promptTokens, tokens, rounds, threads] = [
  values['prompt-tokens'],
  values.tokens,
  values.rounds,
  values.threads,
].map(Number) as [number, number, number, number];
const sequenceCounts = values.sequences.split(',').map(Number);

if (values.help) console.log(HELP);
else await compare();

async function compare(): Promise<void> {
  installPython();
  const bfloat16 = multipliesBfloat16(await matrixPeaks(threads)) ? 'multiplies' : 'lacks';
  const contestants = contestantsFor(model, bfloat16);
  const rows: Row[] = [];
  for (const sequences of sequenceCounts) rows.push(...(await compete(contestants, sequences)));
  const noBfloat16 =
    'transformers in bfloat16 is left out: this CPU has no products in it, and PyTorch is many times slower.';
  const report = generationReport(rows, {
    ...{ model: basename(model), promptTokens, tokens, threads, rounds },
    planned: await plannedMemory(),
    leftOut: bfloat16 === 'lacks' ? [noBfloat16] : [],
  });
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'generation.md'), report);
  console.log(report);
}

/** Runs all contestants in turns, on so many prompts at once. */
async function compete(contestants: readonly Contestant[], sequences: number): Promise<Row[]> {
  const prompts = await promptsOf(model, sequences, promptTokens);
  const trials = contestants.map((): Trial[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      console.error(`round ${round + 1} of ${rounds}, ${sequences} sequences: ${contestant.name}, ${contestant.dtype}`);
      trials[i]?.push(await quietTrial(contestant, { prompts, tokens, warmUpTokens: WARM_UP_TOKENS, threads }));
    }
  }
  const expected = trials[0]?.[0]?.continuations ?? [];
  return contestants.map((contestant, i) => {
    const row = rowOf(contestant, trials[i] ?? [], { promptTokens, expected });
    console.error(describeRow(row));
    return row;
  });
}

/** Bytes that AlphaPO's plan foresees, by number of sequences. */
async function plannedMemory(): Promise<ReadonlyMap<number, number>> {
  const folder = await ModelFolder.open(model);
  const compute = { device: 'cpu', dtype: 'float32' } as const;
  return new Map(
    sequenceCounts.map((sequences) => {
      const { totalBytes } = planGeneration(folder, { ...compute, sequences, promptTokens, maxTokens: tokens });
      return [sequences, totalBytes];
    }),
  );
}
