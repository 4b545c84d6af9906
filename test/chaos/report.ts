import { type Costs, type FaultOutcome, median } from './costs.ts';
import { describeFault, type FaultKind } from './faults.ts';
import type { UnexpectedEnd } from './supervisor.ts';

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly detail: string;
}

export interface ChaosReport extends Costs {
  readonly seed: number;
  readonly steps: number;
  readonly batchPairs: number;
  readonly records: { readonly sent: number; readonly bad: number };
  /** Kinds that could not be done here, and why. */
  readonly skipped: Readonly<Partial<Record<FaultKind, string>>>;
  readonly ends: readonly UnexpectedEnd[];
  readonly checks: readonly Check[];
}

export const passed = ({ checks }: ChaosReport) => checks.every((check) => check.passed);

interface KindTotals {
  readonly kind: FaultKind;
  readonly count: number;
  readonly lostMs: number;
  readonly medianRecoveryMs: number;
  readonly longestRecoveryMs: number;
}

/** What the faults of each kind cost, the dearest kind first. */
function totalsByKind(faults: readonly FaultOutcome[]): KindTotals[] {
  const happened = faults.filter((fault) => fault.happened);
  return [...Map.groupBy(happened, ({ fault }) => fault.kind)]
    .map(([kind, ofKind]) => {
      const recoveries = ofKind.map(({ recoveryMs }) => recoveryMs ?? Number.POSITIVE_INFINITY);
      return {
        kind,
        count: ofKind.length,
        lostMs: ofKind.reduce((sum, { lostMs }) => sum + lostMs, 0),
        medianRecoveryMs: median(recoveries),
        longestRecoveryMs: Math.max(...recoveries),
      };
    })
    .sort((a, b) => b.lostMs - a.lostMs);
}

const seconds = (ms: number | undefined) => (ms === undefined || !Number.isFinite(ms) ? '–' : (ms / 1000).toFixed(1));

/** The report for people. */
export function markdownOf(report: ChaosReport): string {
  const { seed, steps, batchPairs, records, trainingMs, typicalStepMs, otherMs, faults, checks } = report;
  const happened = faults.filter((fault) => fault.happened);
  const lostMs = faults.reduce((sum, fault) => sum + fault.lostMs, 0);
  return `${[
    '# A run under faults',
    '',
    `${happened.length} faults, seed ${seed}; ${steps} steps of ${batchPairs} pairs, ${records.sent} records of which ${records.bad} bad. Made by \`npm run chaos\`.`,
    `Training took ${seconds(trainingMs)} s, of which the faults cost ${seconds(lostMs)} s, and waiting without a fault ${seconds(otherMs)} s; a step typically took ${Math.round(typicalStepMs)} ms.`,
    `**${passed(report) ? 'Passed' : 'FAILED'}.**`,
    '',
    ...table(
      ['check', 'result', ''],
      checks.map(({ name, passed, detail }) => [name, passed ? 'passed' : 'FAILED', detail]),
    ),
    '## By kind',
    '',
    'Recovery: from when the fault came until the next step was taken. Lost: what steps took beyond the typical time, from',
    'when the fault came to the first step after its cause was over; faults at the same time share it.',
    '',
    ...table(
      ['kind', 'faults', 'lost, s', 'recovery, median, s', 'longest, s'],
      totalsByKind(faults).map((kind) => [
        kind.kind,
        `${kind.count}`,
        seconds(kind.lostMs),
        seconds(kind.medianRecoveryMs),
        seconds(kind.longestRecoveryMs),
      ]),
    ),
    ...skippedLines(report),
    '## Every fault',
    '',
    ...table(
      ['', 'at, s', 'step', 'fault', 'recovery, s', 'lost, s', 'note'],
      faults.map(({ number, atMs, atStep, fault, recoveryMs, lostMs, note }) => [
        `${number}`,
        seconds(atMs),
        `${atStep}`,
        describeFault(fault),
        seconds(recoveryMs),
        seconds(lostMs),
        note,
      ]),
    ),
    '## Processes that ended and were started again',
    '',
    ...table(['service', 'how', 'times'], endRows(report.ends)),
  ].join('\n')}`;
}

function skippedLines({ skipped }: ChaosReport): string[] {
  const lines = Object.entries(skipped).map(([kind, why]) => `- ${kind} was left out: ${why}`);
  return lines.length === 0 ? [] : [...lines, ''];
}

function endRows(ends: readonly UnexpectedEnd[]): string[][] {
  const how = ({ service, exitCode, reason }: UnexpectedEnd) =>
    `${service}\n${reason ?? (exitCode === null ? 'killed by a signal' : `exit code ${exitCode}`)}`;
  return [...Map.groupBy(ends, how)].map(([key, same]) => [...key.split('\n'), `${same.length}`]).sort();
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''];
}
