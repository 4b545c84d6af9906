import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Chart, writeCharts } from './charts.ts';
import {
  bestOf,
  describePeaks,
  type MatrixPeaks,
  matrixPeaks,
  multipliesBfloat16,
  type PeakType,
} from './matrix-peak.ts';
import {
  BFLOAT16_PEERS,
  PEERS,
  type Peer,
  peersFolder,
  type Result,
  runPeer,
  SHARED,
  setUpPeers,
  TRL,
} from './peers.ts';
import { type StepTimes, TIMES_HEADER, timesRow } from './step-times.ts';
import { BATCH, type Method, openWork, operationsPerPair } from './work.ts';

const HELP = `Pairs per second and peak memory of AlphaPO against PyTorch and TRL, on the same model, token ids and threads.

  npm run bench -- [--steps N] [--repeat N] [--threads N] [--method lora|full|both]

Peers run in float32; TRL and the shared-prompt loop also in bfloat16, if the CPU has products in it. Contestants take
turns, so that a machine whose speed drifts is fair to all; medians are reported. Results are written to
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

/** Losses at the same step, relative: of whoever computes in float32, and in bfloat16. */
const LOSS_TOLERANCE: Readonly<Record<PeakType, number>> = { float32: 2e-3, bfloat16: 5e-2 };
const OURS = [
  { name: 'AlphaPO, engine', script: 'ours.ts' },
  { name: 'AlphaPO, train (all services)', script: 'ours-train.ts' },
];
const TITLES: Readonly<Record<Method, string>> = { lora: 'LoRA', full: 'All weights' };

/** `alphapo train` says also where the time of a step went. */
type OurResult = Result & { readonly times?: StepTimes };

/** Who computed how, and what came of it in each round. */
interface Contestant {
  readonly name: string;
  readonly dtype: PeakType;
  readonly runs: OurResult[];
}

/** A contestant's medians. */
interface Row {
  readonly name: string;
  readonly dtype: PeakType;
  readonly pairsPerSecond: number;
  readonly peakMemoryMb: number;
}

function runOurs(script: string, work: string, method: Method): OurResult {
  const args = [join(import.meta.dirname, script), '--work', work, '--steps', `${steps}`, '--threads', `${threads}`];
  const options = { encoding: 'utf8', maxBuffer: 2 ** 26 } as const;
  const result = spawnSync(process.execPath, method === 'full' ? [...args, '--full'] : args, options);
  if (result.status !== 0) throw new Error(`${script} failed:\n${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '');
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** Losses of the same step must agree, or the contestants did different work. */
function checkLosses(contestants: readonly Contestant[]): void {
  const reference = contestants[0]?.runs[0];
  for (const { name, dtype, runs } of contestants) {
    for (const { losses } of runs) {
      losses.slice(0, 3).forEach((loss, i) => {
        const expected = reference?.losses[i] ?? Number.NaN;
        if (Math.abs(loss - expected) <= LOSS_TOLERANCE[dtype] * Math.max(1, expected)) return;
        throw new Error(`${name}: step ${i + 1} has the loss ${loss}, others ${expected}: not the same work`);
      });
    }
  }
}

/** Runs all contestants in turns, as often as asked for, and returns them with the work folder that they used. */
function compete(
  peersAt: string,
  method: Method,
  peaks: MatrixPeaks,
): { contestants: readonly Contestant[]; work: string } {
  const contestants: Contestant[] = [];
  const note = (name: string, dtype: PeakType, result: OurResult) => {
    const known = contestants.find((one) => one.name === name && one.dtype === dtype);
    if (known === undefined) contestants.push({ name, dtype, runs: [result] });
    else known.runs.push(result);
    const memory = result.peakMemoryMb.toFixed(0);
    console.error(`${method}: ${name}, ${dtype}: ${result.pairsPerSecond.toFixed(2)} pairs/s, ${memory} MB`);
  };
  const options = { steps, threads, full: method === 'full' };
  let work = '';
  for (let round = 0; round < repeat; round++) {
    const runAll = (all: readonly Peer[], dtype: PeakType) => {
      for (const peer of all) {
        const result = runPeer(peersAt, peer, options);
        work = result.work;
        note(peer.name, dtype, result);
      }
    };
    runAll(PEERS, 'float32');
    if (multipliesBfloat16(peaks)) runAll(BFLOAT16_PEERS, 'bfloat16');
    for (const { name, script } of OURS) note(name, 'float32', runOurs(script, work, method));
  }
  return { contestants, work };
}

function table(rows: readonly Row[], gflopPerPair: number, peaks: MatrixPeaks): string {
  const speedOf = ({ name }: Peer) =>
    rows.find((row) => row.name === name && row.dtype === 'float32')?.pairsPerSecond ?? Number.NaN;
  const [trl, shared] = [speedOf(TRL), speedOf(SHARED)];
  return [
    '| | computes in | pairs/s | × TRL, float32 | × shared, float32 | of the matrix peak | peak memory, MB |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(({ name, dtype, pairsPerSecond: speed, peakMemoryMb }) => {
      const share = `${((100 * speed * gflopPerPair) / bestOf(peaks, dtype)).toFixed(0)} %`;
      const ratios = `${(speed / trl).toFixed(2)} | ${(speed / shared).toFixed(2)}`;
      return `| ${name} | ${dtype} | ${speed.toFixed(2)} | ${ratios} | ${share} | ${peakMemoryMb.toFixed(0)} |`;
    }),
  ].join('\n');
}

function chartsOf(title: string, rows: readonly Row[]): Chart[] {
  const series = (of: (row: Row) => number) =>
    rows.map((row) => ({ name: `${row.name}${row.dtype === 'float32' ? '' : `, ${row.dtype}`}`, values: [of(row)] }));
  return [
    { title: `${title}: speed`, unit: 'pairs/s', categories: [title], series: series((row) => row.pairsPerSecond) },
    { title: `${title}: peak memory`, unit: 'MB', categories: [title], series: series((row) => row.peakMemoryMb) },
  ];
}

const peaks = await matrixPeaks(threads);
console.error(describePeaks(peaks, threads));
const sections: string[] = [];
const all: object[] = [];
const charts: Chart[] = [];
for (const method of methods) {
  const { contestants, work } = compete(peers, method, peaks);
  checkLosses(contestants);
  const gflop = (await operationsPerPair(await openWork(work), method)) / 1e9;
  const rows = contestants.map(({ name, dtype, runs }) => ({
    name,
    dtype,
    pairsPerSecond: median(runs.map((run) => run.pairsPerSecond)),
    peakMemoryMb: median(runs.map((run) => run.peakMemoryMb)),
  }));
  const timed = contestants.flatMap(({ runs }) => runs.flatMap(({ times }) => (times === undefined ? [] : [times])));
  sections.push(
    [
      `## ${TITLES[method]}`,
      '',
      table(rows, gflop, peaks),
      '',
      `Milliseconds of a step of ${BATCH} pairs through all services, each run its row:`,
      '',
      ...TIMES_HEADER,
      ...timed.map((times, i) => timesRow(`run ${i + 1}`, times)),
      '',
      `Arithmetic of a pair: ${gflop.toFixed(1)} GFLOP. ${describePeaks(peaks, threads)}`,
    ].join('\n'),
  );
  charts.push(...chartsOf(TITLES[method], rows));
  all.push({ method, threads, steps, repeat, gflopPerPair: gflop, matrixPeaks: peaks, rows, timed });
}
const without = multipliesBfloat16(peaks) ? '' : ' No peer runs in bfloat16: this CPU has no products in it.';
const report = `# Speed and memory\n\n53M-parameter Llama, vocabulary 32k, HH pairs cut to 512 tokens, batch 8; made by \`npm run bench\`.${without}\n\n${await writeCharts('latest', charts)}\n\n${sections.join('\n\n')}\n`;
mkdirSync(join(import.meta.dirname, 'results'), { recursive: true });
writeFileSync(join(import.meta.dirname, 'results/latest.md'), report);
writeFileSync(join(import.meta.dirname, 'results/latest.json'), `${JSON.stringify(all, undefined, 2)}\n`);
console.log(report);
