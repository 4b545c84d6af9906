import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { giveTokenizer } from './byte-tokenizer.ts';
import { meanTimes, type StepTimes } from './step-times.ts';
import { BATCH, LEARNING_RATE, OBJECTIVE, openWork } from './work.ts';

/**
 * The same work through `alphapo train`: tokenizer, scorer and optimizer in one process with the embedded log. Prints a
 * line of JSON, with where the time of a step went as the optimizer logs it: what the services cost beside the computation.
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
const events = await alphapo([
  ...['train', '--model', join(folder, 'model'), '--data', join(folder, 'pairs.jsonl'), '--log-level', 'info'],
  ...['--out', join(folder, 'out'), '--no-shuffle', '--threads', values.threads, '--checkpoint-every', '1000'],
  ...['--batch-size', `${BATCH}`, '--shards', values.shards, '--steps', `${steps}`, '--max-length', '2048'],
  ...['--scheduler', 'constant', '--warmup-steps', '0', '--learning-rate', `${rate}`, ...start],
  ...['--alpha', `${OBJECTIVE.alpha}`, '--beta', `${OBJECTIVE.beta}`, '--gamma', `${OBJECTIVE.gamma}`],
]);
const taken = events.filter(({ event }) => event === 'step.taken') as unknown as (StepTimes & { loss: number })[];
const { peakMemoryMb } = JSON.parse(await readFile(join(folder, 'out/summary.json'), 'utf8'));
await rm(folder, { recursive: true });
// The first step makes the sessions; the others leave theirs out as well.
const times = meanTimes(taken.slice(1));
const result = { pairsPerSecond: (1000 * BATCH) / times.stepMs, peakMemoryMb, losses: taken.map(({ loss }) => loss) };
console.log(JSON.stringify({ ...result, times }));

/** Runs `alphapo` in a process of its own, so that the peak memory is its own; returns the events that it logged. */
async function alphapo(args: readonly string[]): Promise<Readonly<Record<string, unknown>>[]> {
  const program = join(import.meta.dirname, '../cli/bin/alphapo.js');
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'inherit', 'pipe'] });
  const exited = once(child, 'exit');
  const lines = await Array.fromAsync(createInterface({ input: child.stderr }));
  const [code] = await exited;
  if (code !== 0) throw new Error(`alphapo ${args.join(' ')} ended with ${code}:\n${lines.join('\n')}`);
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}
