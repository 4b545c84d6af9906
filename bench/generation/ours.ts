import { readFileSync } from 'node:fs';
import { peakMemory } from '@alphapo/base';
import { openEngine } from '@alphapo/engine';
import type { Measured, Task } from './contestant.ts';

/** Continues the prompts of a task with AlphaPO's engine, and prints what it measured. */
const task: Task = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
await using engine = await openEngine(task.model, {
  executionProvider: 'cpu',
  dtype: task.dtype,
  threads: task.threads,
});
const request = {
  ...{ prompts: task.prompts, continuations: 1, maxTokens: task.tokens, endTokens: [], seed: 0 },
  sampling: { temperature: 0 },
  batching: 'together',
} as const;
const [firstSeconds, totalSeconds]: [number[], number[]] = [[], []];
let continuations: Measured['continuations'] = [];
for (let round = 0; round <= task.rounds; round++) {
  const started = performance.now();
  const begun = new Set<number>();
  let first = Number.NaN;
  const found = await engine.generate(
    request,
    { kind: 'base' },
    {
      onToken: ({ sequence }) => {
        begun.add(sequence);
        if (begun.size === task.prompts.length && Number.isNaN(first)) first = (performance.now() - started) / 1000;
        return 'continue';
      },
    },
  );
  continuations = found.map(({ tokens }) => tokens);
  if (round === 0) continue;
  firstSeconds.push(first);
  totalSeconds.push((performance.now() - started) / 1000);
}
const measured: Measured = { firstSeconds, totalSeconds, peakMemoryMb: peakMemory() / 2 ** 20, continuations };
console.log(JSON.stringify(measured));
