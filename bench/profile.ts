import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { batchTotals } from '@alphapo/engine';
import { Computer } from '../libs/engine/src/compute.ts';
import { startOf } from './start.ts';
import { BATCH, batchOf, OBJECTIVE, openWork } from './work.ts';

const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    steps: { type: 'string', default: '4' },
    threads: { type: 'string', default: '2' },
    full: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});
const work = await openWork(values.work ?? '');
const prefix = join(await mkdtemp(join(tmpdir(), 'alphapo-profile-')), 'ort');
const { tensors, trained } = await startOf(work, values.full ? 'full' : 'lora');
const computer = await Computer.open(work.model, {
  executionProvider: 'cpu',
  threads: Number(values.threads),
  ...(values.profile ? { profilePrefix: prefix } : {}),
});
computer.loadPolicy('p', trained, tensors);
const times: number[] = [];
for (let step = 0; step < Number(values.steps); step++) {
  const started = performance.now();
  const cpu = process.cpuUsage();
  const pairs = batchOf(work, step);
  const { loss } = await computer.gradient(
    { pairs, ...batchTotals(pairs), objective: OBJECTIVE, policyDigest: 'p' },
    async () => {},
  );
  const used = process.cpuUsage(cpu);
  times.push(performance.now() - started);
  console.log(step, loss, times.at(-1)?.toFixed(0), 'ms', ((used.user + used.system) / 1000).toFixed(0), 'cpu ms');
}
const rest = times.slice(1).reduce((a, b) => a + b, 0);
console.log('pairs/s', ((times.length - 1) * BATCH * 1000) / rest, 'peak MB', process.resourceUsage().maxRSS / 1024);
if (values.profile) {
  await computer[Symbol.asyncDispose]();
  const folder = join(prefix, '..');
  const files = (await readdir(folder)).filter((f) => f.endsWith('.json'));
  const byOp = new Map<string, { us: number; count: number }>();
  for (const f of files) {
    const events = JSON.parse(await readFile(join(folder, f), 'utf8'));
    for (const { cat, name, dur, args } of events) {
      if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
      const op = args.op_name;
      const shapes = process.env.SHAPES
        ? ' ' + JSON.stringify(args.input_type_shape?.map((x: object) => Object.values(x)[0]))
        : '';
      const e = byOp.get(op + shapes) ?? { us: 0, count: 0 };
      e.us += dur;
      e.count++;
      byOp.set(op + shapes, e);
    }
  }
  const total = [...byOp.values()].reduce((s, { us }) => s + us, 0);
  for (const [op, { us, count }] of [...byOp]
    .sort((a, b) => b[1].us - a[1].us)
    .slice(0, Number(process.env.TOP ?? 30))) {
    console.log(
      op.padEnd(28),
      (us / 1000 / times.length).toFixed(1).padStart(9),
      'ms/step',
      ((100 * us) / total).toFixed(1).padStart(6),
      '%',
      count / times.length,
    );
  }
}
