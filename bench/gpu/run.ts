import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256 } from '@alphapo/base';
import { BATCH, type Method } from '../work.ts';
import {
  type Contest,
  computeOurs,
  computeReference,
  gpuIndex,
  makeWork,
  type Trained,
  trainOurs,
  trainPeer,
} from './contestants.ts';
import { isThere } from './device-memory.ts';
import { type Differences, differencesOf } from './parity.ts';
import { SIZES } from './sizes.ts';

const HELP = `Parity and speed of AlphaPO on an NVIDIA GPU, against PyTorch and against TRL with Liger's kernels.

  bench/gpu/run.sh [options]

  --size ${Object.keys(SIZES).join('|')}
                          shape of the Llama that is trained (default: 1b)
  --config <file>         its shape as a Hugging Face config.json, instead
  --dtype <type>          bfloat16 (default), float16 or float32: of frozen weights and activations
  --method lora|full      what is trained (default: lora)
  --prompt, --response N  mean tokens (default: 256 each)
  --steps N               optimizer steps of ${BATCH} pairs; the first is not counted (default: 8)
  --device <name>         cuda (default), cuda:1 …; cpu to try the script itself
  --threads N             of the processor (default: 2)
  --parity-only           no training

On first use it makes a Python environment and downloads what it needs (about 7 GB). Results are printed, and (of
GPUs) written to bench/results/gpu.md and gpu.json. Exit code 1: the numbers are not PyTorch's; 2: it could
not run.`;

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1b' },
    config: { type: 'string' },
    dtype: { type: 'string', default: 'bfloat16' },
    method: { type: 'string', default: 'lora' },
    prompt: { type: 'string', default: '256' },
    response: { type: 'string', default: '256' },
    steps: { type: 'string', default: '8' },
    device: { type: 'string', default: 'cuda' },
    threads: { type: 'string', default: '2' },
    'parity-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Pairs whose numbers are compared, and tokens in them. */
const PARITY_PAIRS = 4;
const PARITY_TOKENS = { prompt: 24, response: 24 };
/** Of its weights: large enough for sharp distributions, where errors show. */
const PARITY_DEVIATION = 0.1;
/** float32 against float64, on a small model. */
const FLOAT32_LIMITS: Differences = { logProb: 1e-4, loss: 1e-4, gradient: 1e-3 };
/** In a lower precision ours may be this much farther from the exact numbers than PyTorch is in the same precision. */
const LOWER_PRECISION_FACTOR = 3;
/** Two contestants' losses at the same step, in the same precision. */
const LOSS_TOLERANCE = { float32: 2e-3, bfloat16: 5e-2, float16: 2e-2 } as const;

interface ParityRow {
  readonly name: string;
  readonly found: Differences;
  readonly limits: Differences | undefined;
}

async function checkParity(contest: Contest): Promise<readonly ParityRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-parity-'));
  const shape = join(folder, 'config.json');
  await writeFile(shape, JSON.stringify({ ...SIZES.small, initializer_range: PARITY_DEVIATION }));
  await makeWork(contest, folder, shape, { dtype: 'float32', pairs: PARITY_PAIRS, ...PARITY_TOKENS });
  const exact = join(folder, 'exact.safetensors');
  await computeReference({ ...contest, device: 'cpu', dtype: 'float64' }, folder, exact, PARITY_PAIRS);
  const rows: ParityRow[] = [];
  const measure = async (who: 'PyTorch' | 'AlphaPO', device: string, dtype: string, limits?: Differences) => {
    const out = join(folder, 'found.safetensors');
    const compute = who === 'PyTorch' ? computeReference : computeOurs;
    await compute({ ...contest, device, dtype }, folder, out, PARITY_PAIRS);
    const found = await differencesOf(out, exact);
    rows.push({ name: `${who}, ${device}, ${dtype}`, found, limits });
    console.error(`${who}, ${device}, ${dtype}: ${JSON.stringify(found)}`);
    return found;
  };
  const { device, dtype } = contest;
  await measure('PyTorch', device, 'float32');
  if (device !== 'cpu') await measure('AlphaPO', 'cpu', 'float32', FLOAT32_LIMITS);
  await measure('AlphaPO', device, 'float32', FLOAT32_LIMITS);
  if (dtype !== 'float32') {
    const { logProb, loss, gradient } = await measure('PyTorch', device, dtype);
    const factor = LOWER_PRECISION_FACTOR;
    const limits = { logProb: factor * logProb, loss: factor * loss, gradient: factor * gradient };
    await measure('AlphaPO', device, dtype, limits);
  }
  return rows;
}

const within = ({ found, limits }: ParityRow): boolean =>
  limits === undefined ||
  (found.logProb <= limits.logProb && found.loss <= limits.loss && found.gradient <= limits.gradient);

/** The work folder of a shape, made on first use. */
async function workOf(contest: Contest): Promise<string> {
  const shape =
    values.config === undefined
      ? SIZES[values.size as keyof typeof SIZES]
      : JSON.parse(await readFile(values.config, 'utf8'));
  if (shape === undefined) throw new Error(`--size ${values.size} is none of ${Object.keys(SIZES).join(', ')}`);
  const options = { dtype: contest.dtype, prompt: values.prompt, response: values.response };
  const key = sha256(JSON.stringify([shape, options])).slice(-12);
  const folder = join(process.env.ALPHAPO_BENCH_CACHE ?? join(homedir(), '.cache/alphapo-bench'), `gpu/work-${key}`);
  if (existsSync(join(folder, 'adapter0'))) return folder;
  await mkdir(folder, { recursive: true });
  const config = join(folder, 'shape.json');
  await writeFile(config, JSON.stringify(shape));
  await makeWork(contest, folder, config, options);
  return folder;
}

async function measureSpeed(contest: Contest, method: Method): Promise<ReadonlyMap<string, Trained>> {
  const work = await workOf(contest);
  const training = { method, steps: Number(values.steps), batch: BATCH };
  const results = new Map<string, Trained>();
  const liger = contest.device.startsWith('cuda') ? ' with Liger' : '';
  results.set(`TRL CPOTrainer${liger}`, await trainPeer(contest, work, training));
  results.set('AlphaPO', await trainOurs(contest, work, training));
  const [peer, ours] = [...results.values()] as [Trained, Trained];
  const tolerance = LOSS_TOLERANCE[contest.dtype as keyof typeof LOSS_TOLERANCE];
  peer.losses.slice(0, 3).forEach((expected, i) => {
    const loss = ours.losses[i] ?? Number.NaN;
    if (Math.abs(loss - expected) <= tolerance * Math.max(1, expected)) return;
    throw new Error(`step ${i + 1}: our loss is ${loss}, TRL's ${expected}: not the same work`);
  });
  return results;
}

function describe(contest: Contest, parity: readonly ParityRow[], speed: ReadonlyMap<string, Trained>): string {
  const exponential = (x: number) => x.toExponential(1);
  const lines = [
    `# ${contest.device}, ${contest.dtype}`,
    '',
    'Differences from PyTorch in float64 (small Llama, LoRA):',
    '',
    '| | log-probability of a token | loss, relative | gradient, relative L2 | |',
    '|---|---|---|---|---|',
    ...parity.map((row) => {
      const { logProb, loss, gradient } = row.found;
      const verdict = row.limits === undefined ? '' : within(row) ? 'within limits' : 'BEYOND LIMITS';
      return `| ${row.name} | ${exponential(logProb)} | ${exponential(loss)} | ${exponential(gradient)} | ${verdict} |`;
    }),
  ];
  if (speed.size === 0) return lines.join('\n');
  const [base] = speed.values();
  return [
    ...lines,
    '',
    `Training, ${values.config ?? values.size}, ${values.method}, ${BATCH} pairs a step, mean ${values.prompt} + ${values.response} tokens:`,
    '',
    '| | pairs/s | × TRL | peak memory, MB | |',
    '|---|---|---|---|---|',
    ...[...speed].map(([name, { pairsPerSecond, peakMemoryMb, note }]) => {
      const ratio = (pairsPerSecond / (base as Trained).pairsPerSecond).toFixed(2);
      return `| ${name} | ${pairsPerSecond.toFixed(2)} | ${ratio} | ${peakMemoryMb.toFixed(0)} | ${note} |`;
    }),
  ].join('\n');
}

async function keep(text: string, facts: object): Promise<void> {
  const folder = resolve(import.meta.dirname, '../results');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'gpu.md'), text);
  await writeFile(join(folder, 'gpu.json'), `${JSON.stringify(facts, undefined, 2)}\n`);
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(HELP);
    return;
  }
  const { device, dtype } = values;
  const contest: Contest = {
    device,
    dtype,
    threads: Number(values.threads),
    python: process.env.ALPHAPO_PYTHON || 'python3',
  };
  if (!(dtype in LOSS_TOLERANCE))
    throw new Error(`--dtype ${dtype} is none of ${Object.keys(LOSS_TOLERANCE).join(', ')}`);
  if (values.method !== 'lora' && values.method !== 'full') throw new Error('--method is lora or full');
  const index = gpuIndex(device);
  if (index !== undefined && !isThere(index))
    throw new Error(`nvidia-smi shows no GPU ${index}; --device cpu tries the script without one`);
  const parity = await checkParity(contest);
  const speed = values['parity-only'] ? new Map<string, Trained>() : await measureSpeed(contest, values.method);
  const text = `${describe(contest, parity, speed)}\n`;
  console.log(text);
  if (device !== 'cpu') await keep(text, { options: values, parity, speed: Object.fromEntries(speed) });
  if (!parity.every(within)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
