import { messageOf } from '@alphapo/base';
import { type Ledger, lineageProblems } from '../integration/ledger.ts';
import { ServiceProcess } from '../support/processes.ts';
import type { DataLine } from './records.ts';
import type { Check } from './report.ts';
import { type RunOutcome, type RunPlace, rerunLedger, retrainRecords } from './undisturbed.ts';

/** What is left of a run that faults came down on. */
export interface Remains {
  readonly place: RunPlace;
  readonly steps: number;
  readonly batchPairs: number;
  /** The data that the producer was given. */
  readonly lines: readonly DataLine[];
  /** Why the run did not come to its end. */
  readonly failure: string | undefined;
  readonly ledger: Ledger | undefined;
  readonly outcome: RunOutcome | undefined;
  readonly exitCodes: Readonly<Record<string, number | null>>;
  /** Options of `alphapo verify` that name the run's topics and checkpoints. */
  readonly runPlace: readonly string[];
}

const MOST_PROBLEMS_SHOWN = 5;

/** Judges a run: did it end, is its lineage clean, are its weights those of runs without faults. */
export async function checksOf(remains: Remains): Promise<Check[]> {
  const { failure, ledger, outcome, exitCodes, steps } = remains;
  const checks: Check[] = [check('the run came to its end', failure === undefined ? [] : [failure], `${steps} steps`)];
  if (ledger === undefined) return checks;
  const { preferences, deadLetters, batches } = ledger;
  checks.push(
    check(
      'nothing that the producer sent is lost',
      missingLines(remains.lines, ledger),
      `${preferences.length} records in the topic`,
    ),
    check(
      'each record is in exactly one batch or dead letter, each batch one step',
      lineageProblems(ledger),
      `${batches.length} batches, ${deadLetters.length} dead letters`,
    ),
    check('steps are published without gap or repeat', stepGaps(ledger, steps), `1 to ${ledger.steps.length}`),
    await verified(remains.runPlace),
  );
  if (outcome === undefined) return checks;
  checks.push(
    await sameBits('weights of every step equal those of a run on the same batches', outcome, () =>
      rerunLedger(remains.place, ledger),
    ),
  );
  if (hasFullBatchesOnly(ledger, remains.batchPairs)) {
    checks.push(
      await sameBits('weights of every step equal those of a run on the same records', outcome, () =>
        retrainRecords(remains.place, ledger),
      ),
    );
  }
  const unclean = Object.entries(exitCodes).filter(([, code]) => code !== 0);
  checks.push(
    check(
      'all services stop when asked',
      unclean.map(([name, code]) => `${name}: ${code ?? 'did not end'}`),
      '',
    ),
  );
  return checks;
}

function check(name: string, problems: readonly string[], detail: string): Check {
  if (problems.length === 0) return { name, passed: true, detail };
  const shown = problems.slice(0, MOST_PROBLEMS_SHOWN);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  return { name, passed: false, detail: shown.join('; ') };
}

async function verified(runPlace: readonly string[]): Promise<Check> {
  await using verifying = new ServiceProcess(['verify', ...runPlace]);
  const clean = (await verifying.exited()) === 0;
  return check('alphapo verify finds nothing wrong', clean ? [] : [verifying.output], '');
}

/** A producer that is killed may send a record twice; it must not leave one out. */
function missingLines(lines: readonly DataLine[], { preferences }: Ledger): string[] {
  const present = new Set(preferences.map(({ value }) => Buffer.from(value ?? []).toString('base64')));
  const missing = lines.filter(({ bytes }) => !present.has(bytes.toString('base64')));
  return missing.map(({ bytes }) => `${bytes} is missing`);
}

function stepGaps({ steps }: Ledger, expected: number): string[] {
  return steps.length === expected && steps.every(({ step }, i) => step === i + 1)
    ? []
    : [`${steps.length} steps instead of ${expected}: ${steps.map(({ step }) => step).join(' ')}`];
}

/** Whether no pause in the stream has flushed a partial batch: then the batches depend on the records alone. */
function hasFullBatchesOnly({ batches }: Ledger, batchPairs: number): boolean {
  return batches.every(({ batch }) => batch.endOfData || batch.pairs.length === batchPairs);
}

async function sameBits(name: string, outcome: RunOutcome, undisturbed: () => Promise<RunOutcome>): Promise<Check> {
  try {
    const expected = await undisturbed();
    return check(name, differences(outcome, expected), `${expected.policyDigests.at(-1)}`);
  } catch (error) {
    return check(name, [messageOf(error)], '');
  }
}

function differences(outcome: RunOutcome, expected: RunOutcome): string[] {
  const problems: string[] = [];
  const steps = Math.max(outcome.policyDigests.length, expected.policyDigests.length);
  for (let i = 0; i < steps; i++) {
    const [ours, theirs] = [outcome.policyDigests[i], expected.policyDigests[i]];
    if (ours !== theirs) problems.push(`step ${i + 1}: ${ours} instead of ${theirs}`);
  }
  if (!outcome.adapter.equals(expected.adapter)) problems.push('the exported adapters differ');
  return problems;
}
