import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { peakMemory } from '@alphapo/base';
import { batchTotals } from '@alphapo/engine';
import { Computer } from '@alphapo/engine/testing';
import { startOf } from './start.ts';
import { BATCH, batchOf, computeOf, type Method, OBJECTIVE, openWork } from './work.ts';

const HELP = `Where the time of a gradient goes, by ONNX Runtime's own profiler: milliseconds a step by operator.

  npm run bench:profile -- --work FOLDER [--full] [--recompute] [--steps N] [--threads N] [--shapes] [--top N]

FOLDER is a work folder of the benchmark. What stands in a loop counts at the loop's operators; the loops themselves
(Scan) are left out. --no-profile gives speed and memory alone, without the profiler's own cost.`;

const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    steps: { type: 'string', default: '4' },
    threads: { type: 'string', default: '2' },
    full: { type: 'boolean', default: false },
    recompute: { type: 'boolean', default: false },
    shapes: { type: 'boolean', default: false },
    top: { type: 'string', default: '25' },
    'no-profile': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.work === undefined) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}
const method: Method = values.full ? 'full' : 'lora';
const work = await openWork(values.work);
const prefix = join(await mkdtemp(join(tmpdir(), 'alphapo-profile-')), 'ort');
const { tensors, trained } = await startOf(work, method);
const computer = await Computer.open(work.model, {
  executionProvider: 'cpu',
  threads: Number(values.threads),
  ...(values['no-profile'] ? {} : { profilePrefix: prefix }),
});
computer.policies.load('start', trained, tensors);
const compute = { ...computeOf(method), activations: values.recompute ? 'recomputed' : 'kept' } as const;
const steps = Number(values.steps);
const taken: { readonly wallMs: number; readonly cpuMs: number }[] = [];
for (let step = 0; step < steps; step++) {
  const pairs = batchOf(work, step);
  const [started, used] = [performance.now(), process.cpuUsage()];
  const request = { pairs, ...batchTotals(pairs), objective: OBJECTIVE, policyDigest: 'start', compute };
  await computer.gradient(request, async () => {});
  const { user, system } = process.cpuUsage(used);
  taken.push({ wallMs: performance.now() - started, cpuMs: (user + system) / 1000 });
}
// The first step makes the sessions.
const rest = taken.slice(1);
const mean = (of: (step: (typeof taken)[number]) => number) => rest.reduce((sum, s) => sum + of(s), 0) / rest.length;
const [wallMs, cpuMs] = [mean((s) => s.wallMs), mean((s) => s.cpuMs)];
const memory = peakMemory() / 2 ** 20;
console.log(
  `${method}: ${((1000 * BATCH) / wallMs).toFixed(2)} pairs/s, ${wallMs.toFixed(0)} ms and ${cpuMs.toFixed(0)} ms of processor time a step, peak ${memory.toFixed(0)} MB`,
);
// Profiles are written when the sessions end.
await computer[Symbol.asyncDispose]();
if (!values['no-profile']) await printProfile();
await rm(dirname(prefix), { recursive: true });

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args: { readonly op_name: string; readonly input_type_shape?: readonly object[] };
}

async function printProfile(): Promise<void> {
  const folder = dirname(prefix);
  const times = new Map<string, { us: number; count: number }>();
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.json'))) {
    const events: ProfileEvent[] = JSON.parse(await readFile(join(folder, file), 'utf8'));
    for (const { cat, name, dur, args } of events) {
      if (cat !== 'Node' || !name.endsWith('_kernel_time') || args.op_name === 'Scan') continue;
      const shapes = args.input_type_shape?.flatMap((input) => Object.values(input)) ?? [];
      const key = values.shapes ? `${args.op_name} ${JSON.stringify(shapes)}` : args.op_name;
      const known = times.get(key) ?? { us: 0, count: 0 };
      times.set(key, { us: known.us + dur, count: known.count + 1 });
    }
  }
  const total = [...times.values()].reduce((sum, { us }) => sum + us, 0);
  const rows = [...times].sort(([, a], [, b]) => b.us - a.us).slice(0, Number(values.top));
  console.log('operator                          ms/step   share   calls');
  for (const [name, { us, count }] of rows) {
    const [ms, share] = [(us / 1000 / steps).toFixed(1), ((100 * us) / total).toFixed(1)];
    console.log(`${name.padEnd(32)} ${ms.padStart(8)} ${share.padStart(6)}% ${(count / steps).toFixed(0).padStart(7)}`);
  }
}
