import { readFileSync } from 'node:fs';
import { peakMemory } from '@alphapo/base';
import { openEngine } from '@alphapo/engine';
import type { Measured, Task } from './contestant.ts';

/** Continues the prompts of a task with AlphaPO's engine, and prints what it measured. */
const task: Task = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const { model, dtype, threads } = task;
await using engine = await openEngine(model, { executionProvider: 'cpu', dtype, threads });

async function continued(maxTokens: number) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const begun = new Set<number>();
  let firstSeconds = Number.NaN;
  const found = await engine.generate(
    {
      ...{ prompts: task.prompts, continuations: 1, maxTokens, endTokens: [], seed: 0 },
      ...{ sampling: { temperature: 0 }, batching: 'together' },
    },
    { kind: 'base' },
    {
      onToken: ({ sequence }) => {
        begun.add(sequence);
        if (begun.size === task.prompts.length && Number.isNaN(firstSeconds)) firstSeconds = seconds();
        return 'continue';
      },
    },
  );
  return { firstSeconds, totalSeconds: seconds(), continuations: found.map(({ tokens }) => tokens) };
}

await continued(task.warmUpTokens);
const timed = await continued(task.tokens);
const { user, system } = process.cpuUsage();
const measured: Measured = {
  ...timed,
  peakMemoryMb: peakMemory() / 2 ** 20,
  processorSeconds: (user + system) / 1e6,
};
console.log(JSON.stringify(measured));
