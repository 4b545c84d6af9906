import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Continues the prompts of a task with llama.cpp, and prints what it measured. Arguments: where node-llama-cpp is installed, the task. */
const [installation = '', taskFile = ''] = process.argv.slice(2);
const place = createRequire(join(installation, 'package.json')).resolve('node-llama-cpp');
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(place).href);
const { model: modelPath, prompts, tokens, warmUpTokens, threads } = JSON.parse(readFileSync(taskFile, 'utf8'));
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath });
const contextSize = prompts[0].length + tokens;
const context = await model.createContext({ contextSize, sequences: prompts.length, batchSize: 2048, threads });
const sequences = prompts.map(() => context.getSequence());

/** One token more for each sequence: `evaluate` of each on its own would often leave one of them out of the batch. */
async function step(inputs) {
  const results = await Promise.all(
    sequences.map((sequence, i) => {
      const last = [inputs[i].at(-1), { generateNext: { token: true, options: { temperature: 0 } } }];
      return sequence.controlledEvaluate([...inputs[i].slice(0, -1), last]);
    }),
  );
  return results.map((result) => result.at(-1).next.token);
}

async function continued(count) {
  for (const sequence of sequences) await sequence.clearHistory();
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const continuations = (await step(prompts)).map((token) => [token]);
  const firstSeconds = seconds();
  for (let i = 1; i < count; i++) {
    const next = await step(continuations.map((taken) => taken.slice(-1)));
    next.forEach((token, sequence) => {
      continuations[sequence].push(token);
    });
  }
  return { firstSeconds, totalSeconds: seconds(), continuations };
}

await continued(warmUpTokens);
const measured = await continued(tokens);
const [, peakKb] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ ...measured, peakMemoryMb: peakKb / 1024, processorSeconds: (user + system) / 1e6 }));
// llama.cpp's threads would keep the process.
process.exit(0);
