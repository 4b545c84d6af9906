import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureAutoscaler } from './autoscaler.ts';
import { makeModel } from './models.ts';
import { PARTS, type Part, type SizingResults, sizingReport } from './report.ts';
import { measureRun, type RunSize } from './run.ts';
import { measureStart, type StartTimes } from './start.ts';
import { measureTokenizers } from './tokenizer.ts';

const HELP = `What each service takes: pairs per second and core of the tokenizer; memory at rest and at work; bytes of the optimizer and
of a checkpoint for each trained parameter; the time that a scorer needs to start.

  npm run bench:sizing -- [--threads N] [--rounds N] [--part ${PARTS.join('|')}]...

The numbers of "Sizing" in docs/operations.md come from it. Results are written to bench/results/sizing.md and sizing.json; parts that are
not named stay as they are there. It needs Linux; the tokenizers are real ones, measured where the shared data is there (ALPHAPO_SHARED).`;

/** As in a small container: a heap that nothing limits grows with the machine, and says nothing about what is kept. */
const HEAP_MB = 256;
/** Shards whose gradients arrive at the optimizer. */
const SHARDS = [1, 4];
const RESULTS = join(import.meta.dirname, '../results/sizing');

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    part: { type: 'string', multiple: true, default: [...PARTS] },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
process.env.NODE_OPTIONS = `--max-old-space-size=${HEAP_MB}`;
const threads = Number(values.threads);
const folder = mkdtempSync(join(tmpdir(), 'alphapo-sizing-'));

const MEASURE: { readonly [P in Part]: () => Promise<SizingResults[P]['measured']> } = {
  tokenizers: () => measureTokenizers(folder),
  runs: async () => {
    const [tiny, small] = [await makeModel(folder, 'tiny'), await makeModel(folder, 'small')];
    const kinds = [
      { model: small, method: 'lora', shards: 1 } as const,
      ...SHARDS.flatMap((shards) => [tiny, small].map((model) => ({ model, method: 'full', shards }) as const)),
    ];
    const runs: RunSize[] = [];
    for (const [index, { model, method, shards }] of kinds.entries()) {
      runs.push(await measureRun(join(folder, `run-${index}`), model, { method, shards, threads }));
      console.error(JSON.stringify(runs.at(-1)));
    }
    return runs;
  },
  autoscaler: () => measureAutoscaler(folder),
  starts: async () => {
    const starts: StartTimes[] = [];
    for (const size of ['tiny', 'small', 'larger'] as const) {
      const model = await makeModel(join(folder, 'starts'), size);
      starts.push(await measureStart(model, Number(values.rounds), threads));
    }
    return starts;
  },
};

try {
  const before = existsSync(`${RESULTS}.json`) ? JSON.parse(readFileSync(`${RESULTS}.json`, 'utf8')) : {};
  const results: SizingResults = { ...before, threads };
  for (const part of PARTS.filter((name) => values.part.includes(name))) {
    const [load = Number.NaN] = loadavg();
    Object.assign(results, { [part]: { load, measured: await MEASURE[part]() } });
  }
  const missing = PARTS.filter((part) => results[part] === undefined);
  if (missing.length > 0) throw new Error(`${missing.join(', ')} were never measured: name them as --part, or none`);
  const report = sizingReport(results);
  writeFileSync(`${RESULTS}.md`, report);
  writeFileSync(`${RESULTS}.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  console.log(report);
} finally {
  rmSync(folder, { recursive: true });
}
