import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Chart, writeCharts } from './charts.ts';
import { matrixPeak, PEERS, peersFolder, type Result, runPeer, setUpPeers } from './peers.ts';
import { type StepTimes, TIMES_HEADER, timesRow } from './step-times.ts';
import { BATCH, type Method, openWork, operationsPerPair } from './work.ts';

const HELP = `Pairs per second and peak memory of AlphaPO against PyTorch and TRL, on the same model, token ids and threads.

  npm run bench -- [--steps N] [--repeat N] [--threads N] [--method lora|full|both]

Contestants take turns, so that a machine whose speed drifts is fair to all; medians are reported. Results are written to
bench/results/latest.md, latest.svg and latest.json. The peers need Python and about 6 GB for their virtual environment.`;

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '6' },
    repeat: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    method: { type: 'string', default: 'both' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const [steps, repeat, threads] = [values.steps, values.repeat, values.threads].map(Number) as [number, number, number];
const methods: Method[] = values.method === 'both' ? ['lora', 'full'] : [values.method as Method];
const peers = peersFolder();
if (peers === undefined) {
  console.error('The peers are not there: set ALPHAPO_SHARED to the folder that has bench/peer_trl.py.');
  process.exit(1);
}
setUpPeers(peers);

/** Losses of the same step must agree, or the contestants did different work. */
const LOSS_TOLERANCE = 2e-3;
const OURS = [
  { name: 'AlphaPO, engine', script: 'ours.ts' },
  { name: 'AlphaPO, train (all services)', script: 'ours-train.ts' },
];

/** `alphapo train` says also where the time of a step went. */
type OurResult = Result & { readonly times?: StepTimes };

function runOurs(script: string, work: string, method: Method): OurResult {
  const args = [join(import.meta.dirname, script), '--work', work, '--steps', `${steps}`, '--threads', `${threads}`];
  const options = { encoding: 'utf8', maxBuffer: 2 ** 26 } as const;
  const result = spawnSync(process.execPath, method === 'full' ? [...args, '--full'] : args, options);
  if (result.status !== 0) throw new Error(`${script} failed:\n${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '');
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

function checkLosses(results: ReadonlyMap<string, readonly Result[]>): void {
  const [reference] = [...results.values()].flat();
  for (const [name, runs] of results) {
    for (const { losses } of runs) {
      losses.slice(0, 3).forEach((loss, i) => {
        const expected = reference?.losses[i] ?? Number.NaN;
        if (Math.abs(loss - expected) <= LOSS_TOLERANCE * Math.max(1, expected)) return;
        throw new Error(`${name}: step ${i + 1} has the loss ${loss}, others ${expected}: not the same work`);
      });
    }
  }
}

const sections: string[] = [];
const all: object[] = [];
const charts: Chart[] = [];
for (const method of methods) {
  const results = new Map<string, OurResult[]>();
  const note = (name: string, result: OurResult) => {
    results.set(name, [...(results.get(name) ?? []), result]);
    const memory = result.peakMemoryMb.toFixed(0);
    console.error(`${method}: ${name}: ${result.pairsPerSecond.toFixed(2)} pairs/s, ${memory} MB`);
  };
  let work = '';
  for (let round = 0; round < repeat; round++) {
    for (const peer of PEERS) {
      const result = runPeer(peers, peer, { steps, threads, full: method === 'full' });
      work = result.work;
      note(peer.name, result);
    }
    for (const { name, script } of OURS) note(name, runOurs(script, work, method));
  }
  checkLosses(results);
  const peak = matrixPeak(peers, threads);
  const gflop = (await operationsPerPair(await openWork(work), method)) / 1e9;
  const rows = [...results].map(([name, runs]) => ({
    name,
    pairsPerSecond: median(runs.map((run) => run.pairsPerSecond)),
    peakMemoryMb: median(runs.map((run) => run.peakMemoryMb)),
  }));
  const timed = [...results.values()].flat().flatMap(({ times }) => (times === undefined ? [] : [times]));
  const trl = rows[0]?.pairsPerSecond ?? Number.NaN;
  const shared = rows[2]?.pairsPerSecond ?? Number.NaN;
  sections.push(
    [
      `## ${method === 'lora' ? 'LoRA' : 'All weights'}`,
      '',
      '| | pairs/s | × TRL | × shared | of the matrix peak | peak memory, MB |',
      '|---|---|---|---|---|---|',
      ...rows.map(({ name, pairsPerSecond: speed, peakMemoryMb }) => {
        const share = `${((100 * speed * gflop) / peak).toFixed(0)} %`;
        const ratios = `${(speed / trl).toFixed(2)} | ${(speed / shared).toFixed(2)}`;
        return `| ${name} | ${speed.toFixed(2)} | ${ratios} | ${share} | ${peakMemoryMb.toFixed(0)} |`;
      }),
      '',
      `Milliseconds of a step of ${BATCH} pairs through all services, each run its row:`,
      '',
      ...TIMES_HEADER,
      ...timed.map((times, i) => timesRow(`run ${i + 1}`, times)),
      '',
      `Arithmetic of a pair ${gflop.toFixed(1)} GFLOP, matrix peak ${peak} GFLOP/s on ${threads} threads.`,
    ].join('\n'),
  );
  const title = method === 'lora' ? 'LoRA' : 'All weights';
  const series = (of: (row: (typeof rows)[number]) => number) =>
    rows.map((row) => ({ name: row.name, values: [of(row)] }));
  charts.push(
    { title: `${title}: speed`, unit: 'pairs/s', categories: [title], series: series((row) => row.pairsPerSecond) },
    { title: `${title}: peak memory`, unit: 'MB', categories: [title], series: series((row) => row.peakMemoryMb) },
  );
  all.push({ method, threads, steps, repeat, gflopPerPair: gflop, matrixPeakGflops: peak, rows, timed });
}
const table = `# Speed and memory\n\n53M-parameter Llama, vocabulary 32k, HH pairs cut to 512 tokens, batch 8; made by \`npm run bench\`.\n\n${await writeCharts('latest', charts)}\n\n${sections.join('\n\n')}\n`;
mkdirSync(join(import.meta.dirname, 'results'), { recursive: true });
writeFileSync(join(import.meta.dirname, 'results/latest.md'), table);
writeFileSync(join(import.meta.dirname, 'results/latest.json'), `${JSON.stringify(all, undefined, 2)}\n`);
console.log(table);
