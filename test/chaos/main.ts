import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '@alphapo/base';
import { whyNoJava } from '../kafka/installation.ts';
import { runChaos } from './chaos-run.ts';
import { ALL_KINDS, FAULT_KINDS, type FaultKind } from './faults.ts';
import { markdownOf, passed } from './report.ts';

const HELP = `Trains a tiny model over a real Kafka, with two tokenizers, three scorers, an optimizer and a producer as processes of
their own, while faults come down on all of them. A supervisor starts again what died. Afterwards the weights of every step
must equal those of runs that nothing disturbed, bit for bit, and each record must be in exactly one step or dead letter.

  npm run chaos -- [--faults N] [--steps N] [--seed N] [--kinds a,b,…] [--linger-ms N] [--minutes N] [--out PATH] [--events FILE]

--faults     how many (default 60)
--steps      of training; faults are spread over them (default: three for each fault)
--seed       of data and faults (default: drawn and printed). The same seed gives the same faults after the same steps; what
             a fault meets still depends on the machine's timing, so a failure may need several tries to come again
--kinds      only these kinds of faults, separated by commas:
${ALL_KINDS.map((kind) => `               ${kind.padEnd(18)} ${FAULT_KINDS[kind]}`).join('\n')}
--linger-ms  flush a partial batch when no record came for so long (default 0: only at the end of the data). With it, batches
             depend on timing, and the run is compared with one on the same batches, but not with one on the same records
--minutes    for the training under faults (default 20)
--out        of the report, without an ending: PATH.md and PATH.json (default bench/results/chaos)
--events     keep what all services log, as lines of JSON, to see what a fault did

Needs Java 17 and Maven for Kafka, and root on Linux for disk-full, which is left out elsewhere. Exit code 0: all held.`;

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '60' },
    steps: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    kinds: { type: 'string', default: ALL_KINDS.join() },
    'linger-ms': { type: 'string', default: '0' },
    minutes: { type: 'string', default: '20' },
    out: { type: 'string', default: join(import.meta.dirname, '../../bench/results/chaos') },
    events: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

function number(name: 'faults' | 'steps' | 'seed' | 'linger-ms' | 'minutes', fallback?: number): number {
  const value = values[name] === undefined ? fallback : Number(values[name]);
  if (value !== undefined && Number.isFinite(value) && value >= 0) return value;
  return refuse(`--${name} takes a number, not ${values[name]}`);
}

const refuse = (message: string) => end(`${message} (--help says more)`);

function end(message: string): never {
  console.error(message);
  process.exit(1);
}

const kinds = values.kinds.split(',') as FaultKind[];
for (const kind of kinds) if (!ALL_KINDS.includes(kind)) refuse(`--kinds: there is no kind ${kind}`);
const missing = await whyNoJava();
if (missing !== undefined) refuse(missing);

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => stop.abort(new Error(`ended by ${signal}`)));

const events = values.events === undefined ? undefined : createWriteStream(values.events);
const faults = number('faults');
const started = performance.now();
const elapsed = () => ((performance.now() - started) / 1000).toFixed(1);
const tell = (line: string) => console.log(`${elapsed().padStart(7)} s  ${line}`);
const report = await runChaos(
  {
    faults,
    steps: number('steps', Math.max(3 * faults, 12)),
    seed: number('seed'),
    kinds,
    lingerMs: number('linger-ms'),
    timeoutMs: number('minutes') * 60_000,
    signal: stop.signal,
    onEvent: (process, event) => events?.write(`${JSON.stringify({ process, at: elapsed(), ...event })}\n`),
  },
  tell,
).catch((error: unknown) => (stop.signal.aborted ? end(messageOf(error)) : Promise.reject(error)));
events?.end();
const markdown = markdownOf(report);
await writeFile(`${values.out}.md`, markdown);
await writeFile(`${values.out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
console.log(`\n${markdown}`);
if (!passed(report)) process.exitCode = 1;
