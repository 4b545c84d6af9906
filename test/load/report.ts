import { cpus } from 'node:os';
import { quantile } from '../../bench/load.ts';
import type { MemoryCourse } from '../support/process-memory.ts';
import type { ProberResult } from './prober.ts';
import type { ScoringTrial } from './scoring.ts';
import type { StreamTrial } from './stream.ts';
import { IDLE } from './watched.ts';

/** What an orchestrator is promised, beyond what a server takes that does nothing on the same machine. */
const HEALTH_P99_MS = 50;
/** What is kept counts as flat below this growth between the second quarter of a trial and its last. */
const FLAT_MB = 16;
/** Resident memory settles for minutes, while heaps take what they may have: it counts as settling below this growth. */
const SETTLING_SHARE = 0.25;

/** What the trials promised and did not keep; nothing where all is well. */
export function brokenPromises(scoring: ScoringTrial, stream: StreamTrial): string[] {
  const { failures, wrong } = scoring.result;
  const { account } = stream.result;
  return [
    ...failures.slice(0, 3).map((failure) => `scoring: ${failures.length} calls failed, such as ${failure}`),
    ...(wrong > 0 ? [`scoring: ${wrong} answers are wrong`] : []),
    ...account.problems.slice(0, 3).map((problem) => `stream: ${account.problems.length} problems, such as ${problem}`),
    ...(account.waiting === 0 ? [] : [`stream: ${account.waiting} records had not been read when time was over`]),
    ...[scoring, stream].flatMap(({ health, memory }) => [...lateHealth(health), ...grownMemory(memory)]),
  ];
}

function lateHealth(health: ProberResult): string[] {
  return Object.entries(health).flatMap(([name, { latenciesMs, failures }]) => {
    if (name === IDLE) return [];
    const p99 = quantile(latenciesMs, 0.99);
    const idle = quantile(health[IDLE]?.latenciesMs ?? [], 0.99);
    return [
      ...(p99 - idle <= HEALTH_P99_MS
        ? []
        : [`${name}: health checks took ${p99.toFixed(1)} ms at p99, those of the idle server ${idle.toFixed(1)}`]),
      ...failures.slice(0, 1).map((failure) => `${name}: ${failures.length} health checks failed: ${failure}`),
    ];
  });
}

function grownMemory(memory: Readonly<Record<string, MemoryCourse>>): string[] {
  return Object.entries(memory).flatMap(([name, { grownMb, lastMb, keptMb }]) => [
    ...(keptMb.after - keptMb.before <= FLAT_MB
      ? []
      : [`${name}: what it keeps grew from ${keptMb.before.toFixed(0)} to ${keptMb.after.toFixed(0)} MB`]),
    ...(grownMb <= SETTLING_SHARE * lastMb ? [] : [`${name}: resident memory grew by ${grownMb.toFixed(0)} MB`]),
  ]);
}

/** `loadBefore`: the machine's load average before the trials, which is the work of others. */
export function loadReport(
  scoring: ScoringTrial,
  stream: StreamTrial,
  { broken, loadBefore }: { readonly broken: readonly string[]; readonly loadBefore: number },
): string {
  const { latenciesMs, shed } = scoring.result;
  const ms = (share: number) => quantile(latenciesMs, share).toFixed(0);
  const { account, records, finished, trainedPairs, tokenizedSeconds, trainedSeconds } = stream.result;
  const trained = finished ? 'all' : `${((100 * trainedPairs) / account.pairs).toFixed(0)} %`;
  return `# Load

Made by \`npm run trial:load\` on ${cpus().length} × ${cpus()[0]?.model.trim()}; clients, services and Kafka share the machine, whose load
average was ${loadBefore.toFixed(1)} before. The idle server is one of gRPC that does nothing: what the machine itself takes.
Services have 256 MiB of JavaScript heap, which they fill before they look for what is not needed any more: what they keep is the least that
was in use in the second and in the last quarter of the time. Resident memory is that of all processes of a service.

${broken.length === 0 ? 'Every promise was kept.' : `Not kept:\n\n${broken.map((promise) => `- ${promise}`).join('\n')}`}

## ${scoring.clients} clients of a scorer

Each with a connection of its own, one text pair a call, for ${scoring.seconds} s. Calls beyond the scorer's queue are asked to come back.

| answered | per second | p50 | p99 | asked to come back | failed | wrong |
|---|---|---|---|---|---|---|
| ${latenciesMs.length} | ${(latenciesMs.length / scoring.seconds).toFixed(0)} | ${ms(0.5)} ms | ${ms(0.99)} ms | ${shed} | ${scoring.result.failures.length} | ${scoring.result.wrong} |

Times are from a client's first try to its answer, waiting included.

${tables(scoring)}

## ${records} records through the topic

Through ${'`preferences`'} in four partitions, one tokenizer, one scorer and one optimizer with a tiny model.

| records | pairs | dead letters | batches | lost or doubled | not read | tokenized after | trained | after |
|---|---|---|---|---|---|---|---|---|
| ${account.records} | ${account.pairs} | ${account.deadLetters} | ${account.batches} | ${account.problems.length} | ${account.waiting} | ${tokenizedSeconds.toFixed(0)} s | ${trained} | ${trainedSeconds.toFixed(0)} s |

${tables(stream)}
`;
}

function tables({ health, memory }: ScoringTrial | StreamTrial): string {
  const rows = Object.entries(health).map(([name, { latenciesMs, failures }]) => {
    const times = [0.5, 0.99, 1].map((share) => `${quantile(latenciesMs, share).toFixed(1)} ms`);
    const course = memory[name];
    const megabytes =
      course === undefined
        ? ['', '', '', '', '']
        : [course.keptMb.before, course.keptMb.after, course.firstMb, course.peakMb, course.lastMb].map((mb) =>
            mb.toFixed(0),
          );
    return `| ${[name, ...times, failures.length, ...megabytes].join(' | ')} |`;
  });
  return `| server | health p50 | p99 | longest | failed | kept, MB | at last | resident at first, MB | peak | at last |
|---|---|---|---|---|---|---|---|---|---|
${rows.join('\n')}`;
}
