import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BYTE_VOCABULARY_SIZE, writeByteTokenizer } from '@alphapo/tokenization';
import { main } from '../cli/src/main.ts';
import { BATCH, LEARNING_RATE, OBJECTIVE, openWork } from './work.ts';

/**
 * The same work through `alphapo train`: tokenizer, scorer and optimizer over loopback gRPC and the embedded log. Prints a
 * line of JSON. What it takes more than ours.ts is the price of the services.
 */
const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    steps: { type: 'string', default: '6' },
    threads: { type: 'string', default: '2' },
    shards: { type: 'string', default: '1' },
    full: { type: 'boolean', default: false },
  },
});
const work = await openWork(values.work ?? '');
const folder = await mkdtemp(join(tmpdir(), 'alphapo-bench-'));
const steps = Number(values.steps);
const records = Array.from({ length: steps * BATCH }, (_, i) => {
  const { id, prompt, chosen, rejected } = work.pairs[i % work.pairs.length] as (typeof work.pairs)[number];
  return JSON.stringify({ id, prompt_ids: prompt, chosen_ids: chosen, rejected_ids: rejected });
});
await writeFile(join(folder, 'pairs.jsonl'), records.join('\n'));
await cp(work.model, join(folder, 'model'), { recursive: true });
await giveTokenizer(join(folder, 'model'));
const start = values.full ? ['--full'] : ['--init-adapter', work.adapter];
const rate = LEARNING_RATE[values.full ? 'full' : 'lora'];
await main([
  ...['node', 'alphapo', 'train', '--model', join(folder, 'model'), '--data', join(folder, 'pairs.jsonl')],
  ...[
    '--out',
    join(folder, 'out'),
    '--no-shuffle',
    '--threads',
    values.threads,
    '--checkpoint-every',
    '1000',
    '--log-level',
    'info',
  ],
  ...['--batch-size', `${BATCH}`, '--shards', values.shards, '--steps', `${steps}`, '--max-length', '2048'],
  ...['--scheduler', 'constant', '--warmup-steps', '0', '--learning-rate', `${rate}`, ...start],
  ...['--alpha', `${OBJECTIVE.alpha}`, '--beta', `${OBJECTIVE.beta}`, '--gamma', `${OBJECTIVE.gamma}`],
]);
const lines = (await readFile(join(folder, 'out/steps.jsonl'), 'utf8')).trim().split('\n');
const taken: { loss: number; durationMs: number }[] = lines.map((line) => JSON.parse(line));
const rest = taken.slice(1).reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000;
await rm(folder, { recursive: true });
console.log(
  JSON.stringify({
    pairsPerSecond: (BATCH * (taken.length - 1)) / rest,
    peakMemoryMb: process.resourceUsage().maxRSS / 1024,
    losses: taken.map(({ loss }) => loss),
  }),
);

/** The records are token ids; a tokenizer only has to be there, with a vocabulary that holds them. */
async function giveTokenizer(model: string): Promise<void> {
  await writeByteTokenizer(model);
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  const file = join(model, 'tokenizer.json');
  const tokenizer = JSON.parse(await readFile(file, 'utf8'));
  for (let id = BYTE_VOCABULARY_SIZE; id < config.vocab_size; id++) tokenizer.model.vocab[`<unused ${id}>`] = id;
  await writeFile(file, JSON.stringify(tokenizer));
}
