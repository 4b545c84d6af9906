import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Continues the prompts of a task with llama.cpp, and prints what it measured. Arguments: where node-llama-cpp is installed, the task. */
const [installation = '', taskFile = ''] = process.argv.slice(2);
const place = createRequire(join(installation, 'package.json')).resolve('node-llama-cpp');
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(place).href);
const { model: modelPath, prompts, tokens, threads, rounds } = JSON.parse(readFileSync(taskFile, 'utf8'));
const options = { gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error };
const llama = await getLlama(options);
const model = await llama.loadModel({ modelPath });
const contextSize = prompts[0].length + tokens + 8;
const [firstSeconds, totalSeconds] = [[], []];
let continuations = [];
const context = await model.createContext({ contextSize, sequences: prompts.length, batchSize: 2048, threads });
const sequences = prompts.map(() => context.getSequence());
for (let round = 0; round <= rounds; round++) {
  for (const sequence of sequences) await sequence.clearHistory();
  const began = performance.now();
  let begun = 0;
  let first = 0;
  continuations = await Promise.all(
    prompts.map(async (prompt, i) => {
      const taken = [];
      for await (const token of sequences[i].evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
        taken.push(token);
        if (taken.length === 1 && ++begun === prompts.length) first = (performance.now() - began) / 1000;
        if (taken.length === tokens) break;
      }
      return taken;
    }),
  );
  if (round === 0) continue;
  firstSeconds.push(first);
  totalSeconds.push((performance.now() - began) / 1000);
}
const peak = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
console.log(JSON.stringify({ firstSeconds, totalSeconds, peakMemoryMb: Number(peak) / 1024, continuations }));
process.exit(0);
