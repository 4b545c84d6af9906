import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { peakMemory, seededRandom } from '@alphapo/base';
import { DEFAULT_COMPUTE } from '@alphapo/contracts';
import { batchTotals, type PairTokens } from '@alphapo/engine';
import { Computer } from '@alphapo/engine/testing';
import { defaultLoraTargets, freshLora, freshParameters, modelFromConfig, readModelDefinition } from '@alphapo/models';
import { writeSafetensors } from '@alphapo/safetensors';
import type { Chart } from './charts.ts';
import { OBJECTIVE } from './work.ts';

const HELP = `How time and memory of a gradient grow with the tokens of a step, the vocabulary and the length of sequences.

  npm run bench:growth -- [--threads N] [--repeat N]

Each measurement runs in a process of its own, so that its peak memory is its own. Small random Llamas, LoRA on all linear
layers, packs of 1024 tokens. Results are written to bench/results/growth.md, growth.svg and growth.json.`;

/** Hidden size, layers and pairs' lengths at which the sweeps start. */
const HIDDEN = 256;
const LAYERS = 4;
const START = { vocabulary: 32_000, length: 256, pairs: 8 };

interface Setting {
  readonly vocabulary: number;
  /** Tokens of prompt and one response. */
  readonly length: number;
  readonly pairs: number;
}

interface Measured extends Setting {
  readonly tokens: number;
  readonly seconds: number;
  readonly peakMemoryMb: number;
  /** Peak memory before a gradient was computed: program, libraries and weights. */
  readonly openedMemoryMb: number;
}

interface Sweep {
  readonly name: string;
  /** What grows from one setting to the next. */
  readonly over: 'tokens' | 'vocabulary' | 'length';
  readonly settings: readonly Setting[];
}

const SWEEPS: readonly Sweep[] = [
  { name: 'tokens of a step', over: 'tokens', settings: [8, 16, 32, 64].map((pairs) => ({ ...START, pairs })) },
  {
    name: 'vocabulary',
    over: 'vocabulary',
    settings: [32_000, 64_000, 128_000].map((vocabulary) => ({ ...START, vocabulary })),
  },
  {
    // As many tokens in every step.
    name: 'length',
    over: 'length',
    settings: [256, 512, 1024, 2048, 4096].map((length) => ({ ...START, length, pairs: (16 * 256) / length })),
  },
];

const { values } = parseArgs({
  options: {
    measure: { type: 'string' },
    folder: { type: 'string' },
    threads: { type: 'string', default: '2' },
    repeat: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else if (values.measure !== undefined) console.log(JSON.stringify(await measure(JSON.parse(values.measure))));
else await main();

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-growth-'));
  const sections: string[] = [];
  const results: Record<string, Measured[]> = {};
  const charts: Chart[] = [];
  for (const { name, over, settings } of SWEEPS) {
    const measured: Measured[] = [];
    for (const setting of settings) {
      await makeModel(join(folder, `${setting.vocabulary}`), setting.vocabulary);
      measured.push(inOwnProcess(setting, join(folder, `${setting.vocabulary}`)));
      console.error(name, JSON.stringify(measured.at(-1)));
    }
    results[name] = measured;
    charts.push(...chartsOf(over, measured));
    sections.push(`## ${name}\n\n${table(measured)}`);
  }
  await rm(folder, { recursive: true });
  // Only here: a measured process is without the library of charts.
  const { writeCharts } = await import('./charts.ts');
  const text = `# Growth\n\nLlama of ${LAYERS} layers of ${HIDDEN}, LoRA on all linear layers, ${values.threads} threads; made by \`npm run bench:growth\`.\n\n${await writeCharts('growth', charts)}\n\n${sections.join('\n\n')}\n`;
  await mkdir(join(import.meta.dirname, 'results'), { recursive: true });
  await writeFile(join(import.meta.dirname, 'results/growth.md'), text);
  await writeFile(join(import.meta.dirname, 'results/growth.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(text);
}

function chartsOf(over: Sweep['over'], measured: readonly Measured[]): Chart[] {
  const series = (name: string, of: (one: Measured) => number) => ({
    name,
    values: measured.map((one) => [one[over], of(one)] as const),
  });
  return [
    {
      title: `Time over ${over}`,
      unit: 'µs/token',
      over,
      series: [series('step', ({ seconds, tokens }) => (1e6 * seconds) / tokens)],
    },
    {
      title: `Memory over ${over}`,
      unit: 'MB',
      over,
      series: [
        series('peak', ({ peakMemoryMb }) => peakMemoryMb),
        series('opened model', ({ openedMemoryMb }) => openedMemoryMb),
      ],
    },
  ];
}

function table(measured: readonly Measured[]): string {
  const rows = measured.map(({ vocabulary, length, pairs, tokens, seconds, peakMemoryMb, openedMemoryMb }) => {
    const numbers = [seconds.toFixed(2), ((1e6 * seconds) / tokens).toFixed(0), peakMemoryMb.toFixed(0)];
    return `| ${[vocabulary, length, pairs, tokens, ...numbers, (peakMemoryMb - openedMemoryMb).toFixed(0)].join(' | ')} |`;
  });
  return [
    '| vocabulary | length | pairs | tokens | s/step | µs/token | peak, MB | above the opened model, MB |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function inOwnProcess(setting: Setting, folder: string): Measured {
  const args = ['--measure', JSON.stringify(setting), '--folder', folder];
  const options = ['--threads', values.threads, '--repeat', values.repeat];
  const child = spawnSync(process.execPath, [import.meta.filename, ...args, ...options], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout.trim().split('\n').at(-1) ?? '');
}

async function measure(setting: Setting): Promise<Measured> {
  const folder = values.folder ?? '';
  const definition = await readModelDefinition(folder);
  const lora = { rank: 16, targets: defaultLoraTargets(definition) };
  const pairs = pairsOf(setting);
  await using computer = await Computer.open(folder, {
    executionProvider: 'cpu',
    dtype: 'float32',
    threads: Number(values.threads),
  });
  computer.policies.load('start', { kind: 'lora', alpha: 32, ...lora }, freshLora(definition, lora, 1));
  const openedMemoryMb = peakMemory() / 2 ** 20;
  const request = {
    pairs,
    ...batchTotals(pairs),
    objective: OBJECTIVE,
    policyDigest: 'start',
    compute: DEFAULT_COMPUTE,
  };
  const seconds: number[] = [];
  // The first one makes the session.
  for (let i = 0; i <= Number(values.repeat); i++) {
    const started = performance.now();
    await computer.gradient(request, async () => {});
    seconds.push((performance.now() - started) / 1000);
  }
  return {
    ...setting,
    tokens: pairs.reduce(
      (sum, { prompt, chosen, rejected }) => sum + prompt.length + chosen.length + rejected.length,
      0,
    ),
    seconds: Math.min(...seconds.slice(1)),
    peakMemoryMb: peakMemory() / 2 ** 20,
    openedMemoryMb,
  };
}

/** Half of a sequence is prompt, half response. */
function pairsOf({ vocabulary, length, pairs }: Setting): PairTokens[] {
  const random = seededRandom(length);
  const ids = () => Array.from({ length: length / 2 }, () => random.below(vocabulary));
  return Array.from({ length: pairs }, () => ({ prompt: ids(), chosen: ids(), rejected: ids() }));
}

async function makeModel(folder: string, vocabulary: number): Promise<void> {
  const config = {
    ...{ model_type: 'llama', vocab_size: vocabulary, hidden_size: HIDDEN, intermediate_size: 688 },
    ...{ num_hidden_layers: LAYERS, num_attention_heads: 8, num_key_value_heads: 8 },
    ...{ max_position_embeddings: 4096, tie_word_embeddings: true },
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const parameters = [...freshParameters(modelFromConfig(config), 5)];
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    parameters.map(({ name, tensor }) => ({ name, dtype: 'f32' as const, shape: tensor.shape, data: tensor.data })),
  );
}
