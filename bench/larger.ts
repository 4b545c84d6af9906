import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeCharts } from './charts.ts';
import { type Contest, makeWork, trainOurs, trainPeer } from './gpu/contestants.ts';
import { bestOf, describePeaks, type MatrixPeaks, matrixPeaks } from './matrix-peak.ts';
import { cacheFolder, PEERS, peersFolder, peersWork, python, runPeer, setUpPeers } from './peers.ts';
import { openWork, operationsPerPair } from './work.ts';

/** Shapes of real models, with random weights. */
const SHAPES = {
  /** Qwen2.5-0.5B: a vocabulary in which logits are most of what is kept. */
  'qwen2-0.5b': {
    dtype: 'float32',
    config: {
      ...{ model_type: 'qwen2', vocab_size: 151_936, hidden_size: 896, intermediate_size: 4864 },
      ...{ num_hidden_layers: 24, num_attention_heads: 14, num_key_value_heads: 2, tie_word_embeddings: true },
      ...{ max_position_embeddings: 32_768, rms_norm_eps: 1e-6, use_sliding_window: false },
      rope_parameters: { rope_type: 'default', rope_theta: 1_000_000 },
    },
  },
  /** TinyLlama-1.1B. */
  'llama-1b': {
    dtype: 'bfloat16',
    config: {
      ...{ model_type: 'llama', vocab_size: 32_000, hidden_size: 2048, intermediate_size: 5632 },
      ...{ num_hidden_layers: 22, num_attention_heads: 32, num_key_value_heads: 4, tie_word_embeddings: false },
      ...{ max_position_embeddings: 4096, rms_norm_eps: 1e-5 },
      rope_parameters: { rope_type: 'default', rope_theta: 10_000 },
    },
  },
} as const;
type ShapeName = keyof typeof SHAPES;

const HELP = `Pairs per second and peak memory of LoRA on larger models, against PyTorch and TRL on the same work.

  npm run bench:larger -- [--shape ${Object.keys(SHAPES).join('|')}|all] [--steps N] [--batch N] [--threads N]

The first step is not counted. Needs 12 GB of memory and as much disk. Results are written to bench/results/larger.md,
larger.svg and larger.json.`;

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'all' },
    steps: { type: 'string', default: '3' },
    batch: { type: 'string', default: '4' },
    threads: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
const [steps, batch, threads] = [values.steps, values.batch, values.threads].map(Number) as [number, number, number];
const TRAINING = { method: 'lora', steps, batch } as const;
/** Losses at the same step, relative: float32 of any; and of whoever computes in bfloat16. */
const TOLERANCE = { float32: 2e-3, bfloat16: 5e-2 } as const;

interface Row {
  readonly name: string;
  readonly dtype: keyof typeof TOLERANCE;
  readonly pairsPerSecond: number;
  readonly peakMemoryMb: number;
  readonly losses: readonly number[];
}

interface Section {
  readonly shape: ShapeName;
  readonly rows: readonly Row[];
  readonly gflopPerPair: number;
  readonly matrixPeaks: MatrixPeaks;
}

const contest = (dtype: string): Contest => ({ device: 'cpu', dtype, threads, python: python() });

/** The work folder of a shape with weights of this type, made on first use from the peers' pairs; `adapter`: the one to start from. */
async function workOf(peers: string, shape: ShapeName, dtype: string, adapter?: string): Promise<string> {
  const folder = join(cacheFolder(), `larger/${shape}-${dtype}`);
  if (existsSync(join(folder, 'done'))) return folder;
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const config = join(unfinished, 'shape.json');
  await writeFile(config, JSON.stringify(SHAPES[shape].config));
  const pairs = join(unfinished, 'pairs-of-peers.json');
  await copyFile(join(peersWork(peers), 'pairs.json'), pairs);
  await makeWork(contest(dtype), unfinished, config, { dtype, 'pairs-file': pairs, rounded: SHAPES[shape].dtype });
  // PEFT rounds a new adapter to the type of the weights: another folder's would be another start.
  if (adapter !== undefined) await cp(adapter, join(unfinished, 'adapter0'), { recursive: true });
  // The peers' scripts look for it.
  await writeFile(join(unfinished, 'done'), '');
  await rename(unfinished, folder);
  return folder;
}

async function measure(peers: string, shape: ShapeName): Promise<Section> {
  const { dtype: stored, config } = SHAPES[shape];
  const rows: Row[] = [];
  const note = (name: string, dtype: Row['dtype'], result: Omit<Row, 'name' | 'dtype'>) => {
    rows.push({ name, dtype, ...result });
    const memory = result.peakMemoryMb.toFixed(0);
    console.error(`${shape}: ${name}, ${dtype}: ${result.pairsPerSecond.toFixed(3)} pairs/s, ${memory} MB`);
  };
  const work = await workOf(peers, shape, stored);
  note('AlphaPO', 'float32', await trainOurs(contest('float32'), work, TRAINING));
  const inPlace = await trainOurs(contest('float32'), work, TRAINING, ['--in-place']);
  note('AlphaPO, weights not packed', 'float32', inPlace);
  const inFloat32 = await workOf(peers, shape, 'float32', join(work, 'adapter0'));
  for (const dtype of new Set(['float32', stored] as const)) {
    note('TRL CPOTrainer, micro-batch 1', dtype, await trainPeer(contest(dtype), work, TRAINING, 1));
  }
  for (const peer of PEERS.filter(({ script }) => script === 'peer_torch.py')) {
    // The loop with shared prompts is a Llama of its own.
    if (peer.args.includes('shared') && config.model_type !== 'llama') continue;
    note(peer.name, 'float32', runPeer(peers, peer, { steps, threads, full: false, work: inFloat32, batch }));
  }
  checkLosses(shape, rows);
  const gflopPerPair = (await operationsPerPair(await openWork(work), 'lora')) / 1e9;
  return { shape, rows, gflopPerPair, matrixPeaks: await matrixPeaks(threads) };
}

function checkLosses(shape: ShapeName, rows: readonly Row[]): void {
  const [reference] = rows;
  for (const { name, dtype, losses } of rows) {
    losses.forEach((loss, i) => {
      const expected = reference?.losses[i] ?? Number.NaN;
      if (Math.abs(loss - expected) <= TOLERANCE[dtype] * Math.max(1, expected)) return;
      throw new Error(`${shape}, ${name}: step ${i + 1} has the loss ${loss}, others ${expected}: not the same work`);
    });
  }
}

function describe({ shape, rows, gflopPerPair, matrixPeaks: peaks }: Section): string {
  const { dtype, config } = SHAPES[shape];
  const [ours] = rows;
  return [
    `## ${shape}, vocabulary ${config.vocab_size}, weights in ${dtype}`,
    '',
    '| | computes in | pairs/s | AlphaPO is × as fast | of the matrix peak | peak memory, MB |',
    '|---|---|---|---|---|---|',
    ...rows.map(({ name, dtype: computed, pairsPerSecond: speed, peakMemoryMb }) => {
      const ratio = ((ours?.pairsPerSecond ?? Number.NaN) / speed).toFixed(2);
      const share = `${((100 * speed * gflopPerPair) / bestOf(peaks, computed)).toFixed(0)} %`;
      return `| ${name} | ${computed} | ${speed.toFixed(3)} | ${ratio} | ${share} | ${peakMemoryMb.toFixed(0)} |`;
    }),
    '',
    `Arithmetic of a pair: ${gflopPerPair.toFixed(0)} GFLOP. ${describePeaks(peaks, threads)}`,
  ].join('\n');
}

function chartsOf({ shape, rows }: Section) {
  const categories = ['float32', 'bfloat16'].filter((dtype) => rows.some((row) => row.dtype === dtype));
  const names = [...new Set(rows.map(({ name }) => name))];
  const series = (of: (row: Row) => number) =>
    names.map((name) => ({
      name,
      values: categories.map((dtype) => {
        const row = rows.find((one) => one.name === name && one.dtype === dtype);
        return row === undefined ? Number.NaN : of(row);
      }),
    }));
  return [
    { title: `${shape}: speed`, unit: 'pairs/s', categories, series: series((row) => row.pairsPerSecond) },
    { title: `${shape}: peak memory`, unit: 'MB', categories, series: series((row) => row.peakMemoryMb) },
  ];
}

async function main(): Promise<void> {
  const peers = peersFolder();
  if (peers === undefined)
    throw new Error('The peers are not there: set ALPHAPO_SHARED to the folder that has bench/peer_trl.py.');
  const known = Object.keys(SHAPES) as ShapeName[];
  const shapes = values.shape === 'all' ? known : known.filter((name) => name === values.shape);
  if (shapes.length === 0) throw new Error(`--shape ${values.shape} is none of ${known.join(', ')}, all`);
  setUpPeers(peers);
  const sections: Section[] = [];
  for (const shape of shapes) sections.push(await measure(peers, shape));
  const intro = `LoRA (rank 16, all linear layers), HH pairs cut to 512 tokens, batch ${batch}; made by \`npm run bench:larger\`.`;
  const picture = await writeCharts('larger', sections.flatMap(chartsOf));
  const text = `# Larger models\n\n${[intro, picture, ...sections.map(describe)].join('\n\n')}\n`;
  await writeFile(join(import.meta.dirname, 'results/larger.md'), text);
  await writeFile(join(import.meta.dirname, 'results/larger.json'), `${JSON.stringify(sections, undefined, 2)}\n`);
  console.log(text);
}

if (values.help) console.log(HELP);
else await main();
