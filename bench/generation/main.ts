import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ModelFolder, planGeneration } from '@alphapo/engine';
import { openTokenizer } from '@alphapo/tokenization';
import { matrixPeaks, multipliesBfloat16 } from '../matrix-peak.ts';
import { cacheFolder, peersFolder, python, run, setUpPeers } from '../peers.ts';
import { type Measured, runContestant, type Task } from './contestant.ts';

const HELP = `Tokens per second and peak memory of greedy generation: AlphaPO's engine, transformers' generate, and llama.cpp.

  npm run bench:generation -- [--model FOLDER] [--sequences 1,8] [--prompt-tokens 512] [--tokens 128] [--rounds 3] [--threads 2]

The model is SmolLM2-135M-Instruct by default (ALPHAPO_SMOLLM2); prompts are tokens of this repository's documents. Contestants take turns, each
in a process of its own; medians of the rounds are reported. Results are written to bench/results/generation.md. The peers need Python
and node-llama-cpp, which are installed into the benchmarks' cache.`;

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

const RESULT = join(import.meta.dirname, '../results/generation.md');
const LLAMA = 'node-llama-cpp@3.22.1';
const LLAMA_BINARY = '@node-llama-cpp/linux-x64@3.22.1';
/** Of the first tokens of each sequence, so many must agree: later ones follow from the first that differs. */
const COMPARED_TOKENS = 32;
const LEAST_AGREEMENT = 0.9;

interface Contestant {
  readonly name: string;
  readonly dtype: Task['dtype'];
  readonly command: readonly string[];
  readonly model: string;
}

interface Row extends Contestant {
  readonly sequences: number;
  /** Tokens per second: of prompts, and of continuations after their first token. */
  readonly prefill: number;
  readonly decode: number;
  readonly seconds: number;
  readonly peakMemoryMb: number;
  readonly agreement: number;
}

if (values.help) console.log(HELP);
else await compete();

async function compete(): Promise<void> {
  const { model } = values;
  const [promptTokens, tokens, rounds, threads] = [
    values['prompt-tokens'],
    values.tokens,
    values.rounds,
    values.threads,
  ].map(Number) as [number, number, number, number];
  const contestants = setUp(model, multipliesBfloat16(await matrixPeaks(threads)));
  const rows: Row[] = [];
  for (const sequences of values.sequences.split(',').map(Number)) {
    const prompts = await promptsOf(model, sequences, promptTokens);
    let expected: Measured['continuations'] | undefined;
    for (const contestant of contestants) {
      const { dtype } = contestant;
      const measured = measure(contestant, { model: contestant.model, prompts, tokens, threads, dtype, rounds });
      expected ??= measured.continuations;
      const row = { ...contestant, ...numbersOf(measured, sequences, promptTokens, tokens) };
      rows.push({ ...row, sequences, agreement: agreement(measured.continuations, expected) });
      console.error(`${sequences} sequences: ${describe(rows.at(-1) as Row)}`);
    }
  }
  const planned = await plannedMemory(model, promptTokens, tokens);
  const report = reportOf(rows, { promptTokens, tokens, threads, rounds, planned });
  writeFileSync(RESULT, report);
  console.log(report);
}

/** The contestants, all that they need installed. Without products in bfloat16, PyTorch takes minutes for a prompt: it is left out. */
function setUp(model: string, hasBfloat16: boolean): Contestant[] {
  if (!existsSync(model)) throw new Error(`${model}: no such folder; give a Llama model's by --model`);
  const peers = peersFolder();
  if (peers !== undefined) setUpPeers(peers);
  const cache = cacheFolder();
  const llama = join(cache, 'llama');
  if (!existsSync(join(llama, 'node_modules/node-llama-cpp'))) {
    mkdirSync(llama, { recursive: true });
    writeFileSync(join(llama, 'package.json'), '{"private": true}');
    run('npm', ['install', '--prefix', llama, '--ignore-scripts', '--omit=optional', LLAMA, LLAMA_BINARY]);
  }
  const gguf = (type: string) => {
    const file = join(cache, `generation-${type}.gguf`);
    run(python(), [join(import.meta.dirname, 'to_gguf.py'), model, file, type]);
    return file;
  };
  const ours = [process.execPath, join(import.meta.dirname, 'ours.ts')];
  const transformers = [python(), join(import.meta.dirname, 'peer_transformers.py')];
  const llamaCpp = [process.execPath, join(import.meta.dirname, 'peer-llama.mjs'), llama];
  return [
    { name: 'AlphaPO', dtype: 'float32', command: ours, model },
    { name: 'transformers', dtype: 'float32', command: transformers, model },
    { name: 'llama.cpp', dtype: 'float32', command: llamaCpp, model: gguf('f32') },
    ...(hasBfloat16 ? [{ name: 'transformers', dtype: 'bfloat16', command: transformers, model } as const] : []),
    { name: 'llama.cpp', dtype: 'bfloat16', command: llamaCpp, model: gguf('bf16') },
  ];
}

/** Prompts of tokens that people wrote: this repository's documents. */
async function promptsOf(model: string, count: number, length: number): Promise<number[][]> {
  const docs = join(import.meta.dirname, '../../docs');
  const tokenizer = await openTokenizer(model);
  const names = ['training.md', 'kubernetes.md', 'operations.md', 'architecture.md', 'kafka.md', 'records.md'];
  const text = names.map((name) => readFileSync(join(docs, name), 'utf8')).join('\n');
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  if (ids.length < count * length)
    throw new Error(`the documents have ${ids.length} tokens: ask for fewer or shorter prompts`);
  return Array.from({ length: count }, (_, i) => ids.slice(i * length, (i + 1) * length));
}

function measure({ command }: Contestant, task: Task): Measured {
  const file = join(mkdtempSync(join(tmpdir(), 'alphapo-bench-')), 'task.json');
  writeFileSync(file, JSON.stringify(task));
  return runContestant(command, file);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function numbersOf(measured: Measured, sequences: number, promptTokens: number, tokens: number) {
  const { firstSeconds, totalSeconds, peakMemoryMb } = measured;
  const decoding = totalSeconds.map((total, i) => total - (firstSeconds[i] ?? Number.NaN));
  return {
    prefill: (sequences * promptTokens) / median(firstSeconds),
    decode: (sequences * (tokens - 1)) / median(decoding),
    seconds: median(totalSeconds),
    peakMemoryMb,
  };
}

/** Share of the first tokens that are the same. */
function agreement(found: Measured['continuations'], expected: Measured['continuations']): number {
  const pairs = found.flatMap((tokens, i) =>
    tokens.slice(0, COMPARED_TOKENS).map((token, j) => token === expected[i]?.[j]),
  );
  return pairs.filter(Boolean).length / pairs.length;
}

async function plannedMemory(model: string, promptTokens: number, maxTokens: number): Promise<string> {
  const folder = await ModelFolder.open(model);
  const lines = values.sequences.split(',').map((sequences) => {
    const size = { sequences: Number(sequences), promptTokens, maxTokens };
    const { totalBytes } = planGeneration(folder, { device: 'cpu', dtype: 'float32', ...size });
    return `${(totalBytes / 2 ** 20).toFixed(0)} MB for ${sequences}`;
  });
  return lines.join(', ');
}

function describe({ name, dtype, prefill, decode, peakMemoryMb, agreement: same }: Row): string {
  return `${name}, ${dtype}: prompts ${prefill.toFixed(0)} tokens/s, continuations ${decode.toFixed(1)} tokens/s, ${peakMemoryMb.toFixed(0)} MB, ${(100 * same).toFixed(0)} % of tokens agree`;
}

interface Setup {
  readonly promptTokens: number;
  readonly tokens: number;
  readonly threads: number;
  readonly rounds: number;
  readonly planned: string;
}

function reportOf(rows: readonly Row[], { promptTokens, tokens, threads, rounds, planned }: Setup): string {
  const ours = (row: Row) =>
    rows.find(({ name, sequences }) => name === 'AlphaPO' && sequences === row.sequences) as Row;
  const ratio = (row: Row, of: (row: Row) => number) => {
    if (row.dtype === 'float32' && row.agreement < LEAST_AGREEMENT) return 'other tokens';
    return (of(ours(row)) / of(row)).toFixed(2);
  };
  return [
    '# Generation',
    '',
    `SmolLM2-135M-Instruct, greedy, prompts of ${promptTokens} tokens continued by ${tokens}, ${threads} threads, medians of ${rounds} rounds; made by \`npm run bench:generation\`.`,
    `Machine: ${cpus()[0]?.model ?? 'unknown processor'}. llama.cpp runs through node-llama-cpp. A ratio above 1 means that AlphaPO, in float32, is faster.`,
    '',
    '| sequences | | computes in | prompts, tokens/s | AlphaPO is × as fast | continuations, tokens/s | AlphaPO is × as fast | in all, s | AlphaPO is × as fast | peak memory, MB | same tokens |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows.map((row) => {
      const cells = [
        ...[row.sequences, row.name, row.dtype],
        ...[row.prefill.toFixed(0), ratio(row, ({ prefill }) => prefill)],
        ...[row.decode.toFixed(1), ratio(row, ({ decode }) => decode)],
        ...[row.seconds.toFixed(2), ratio(row, ({ seconds }) => 1 / seconds)],
        ...[row.peakMemoryMb.toFixed(0), `${(100 * row.agreement).toFixed(0)} %`],
      ];
      return `| ${cells.join(' | ')} |`;
    }),
    '',
    `Same tokens: of the first ${COMPARED_TOKENS} of each continuation, those that are AlphaPO's too. AlphaPO's plan of its memory: ${planned}.`,
    '',
  ].join('\n');
}
