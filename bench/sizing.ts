import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureAutoscaler } from './sizing-autoscaler.ts';
import { makeModel } from './sizing-models.ts';
import { sizingReport } from './sizing-report.ts';
import { measureRun, type RunSize } from './sizing-run.ts';
import { measureStart } from './sizing-start.ts';
import { measureTokenizers } from './sizing-tokenizer.ts';

const HELP = `What each service takes: pairs per second and core of the tokenizer; memory at rest and at work; bytes of the optimizer and
of a checkpoint for each trained parameter; the time that a scorer needs to start.

  npm run bench:sizing -- [--threads N] [--rounds N]

The numbers of "Sizing" in docs/operations.md come from it. Results are written to bench/results/sizing.md and sizing.json. It needs
Linux; the tokenizers are real ones, measured where the shared data is there (ALPHAPO_SHARED).`;

/** As in a small container: a heap that nothing limits grows with the machine, and says nothing about what is kept. */
const HEAP_MB = 256;
/** Shards whose gradients arrive at the optimizer. */
const SHARDS = [1, 4];

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
process.env.NODE_OPTIONS = `--max-old-space-size=${HEAP_MB}`;
const threads = Number(values.threads);
const [loadBefore = Number.NaN] = loadavg();
const folder = mkdtempSync(join(tmpdir(), 'alphapo-sizing-'));
try {
  const tokenizers = await measureTokenizers(folder);
  const tiny = await makeModel(folder, 'tiny');
  const small = await makeModel(folder, 'small');
  const larger = await makeModel(folder, 'larger');
  const runs: RunSize[] = [];
  const kinds = [
    { model: small, method: 'lora', shards: 1 } as const,
    ...SHARDS.flatMap((shards) => [tiny, small].map((model) => ({ model, method: 'full', shards }) as const)),
  ];
  for (const [index, { model, method, shards }] of kinds.entries()) {
    runs.push(await measureRun(join(folder, `run-${index}`), model, { method, shards, threads }));
    console.error(JSON.stringify(runs.at(-1)));
  }
  const autoscalerMb = await measureAutoscaler(folder);
  const starts = [];
  for (const model of [tiny, small, larger]) starts.push(await measureStart(model, Number(values.rounds), threads));
  const results = { threads, loadBefore, tokenizers, runs, autoscalerMb, starts };
  const report = sizingReport(results);
  writeFileSync(join(import.meta.dirname, 'results/sizing.md'), report);
  writeFileSync(join(import.meta.dirname, 'results/sizing.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(report);
} finally {
  rmSync(folder, { recursive: true });
}
