import { table } from './table.ts';
import type { VerifyReport } from './verify.ts';

/** A report for people: counts, what was found, and the verdict. */
export function describeVerification(report: VerifyReport): string {
  const { batches, steps, checkpoints, problems } = report;
  const sources = report.sources.map((source) => [
    `${source.topic}/${source.partition}`,
    ...[source.records, source.pairs, source.deadLetters, source.control, source.waiting, source.lost, source.expired],
  ]);
  const waiting = steps.waitingBatches === 0 ? '' : `, ${steps.waitingBatches} waiting for a step`;
  const facts: [name: string, value: string][] = [
    ['batches', `${batches.count} with ${batches.pairs} pairs${waiting}`],
    ['dead letters', `${report.deadLetters}`],
    ['steps', steps.steps === 0 ? 'none yet' : `${steps.steps}, the last is ${steps.lastStep}`],
    ...(steps.policyDigest === undefined ? [] : [['policy', steps.policyDigest] as [string, string]]),
    ...Object.entries(batches.digests ?? {}),
    ['checkpoints', checkpointsText(checkpoints)],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = [
    `run ${report.runId ?? 'without steps'}`,
    '',
    ...table(['source', 'records', 'in batches', 'dead letters', 'control', 'waiting', 'lost', 'expired'], sources),
    '',
    ...facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    '',
  ];
  if (problems.total === 0) return [...lines, 'clean: no problem found', ''].join('\n');
  const left = problems.total - problems.first.length;
  return [
    ...lines,
    `${problems.total} problems:`,
    ...problems.first.map(({ code, place, meaning }) => `  ${code} at ${place}\n    ${meaning}`),
    ...(left > 0 ? [`  and ${left} more (--problems shows more)`] : []),
    '',
    ...table(['problem', 'times'], Object.entries(problems.counts)),
    '',
  ].join('\n');
}

function checkpointsText(checkpoints: VerifyReport['checkpoints']): string {
  if (checkpoints === undefined) return 'not checked (set --checkpoints to their folder)';
  if (checkpoints.length === 0) return 'none is intact';
  return `intact: ${checkpoints.map(({ name }) => name).join(', ')}`;
}
