import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditDependencies } from './audit.ts';

/**
 * What `npm test` runs: the checks of the whole repository, then all tests. Each check counts as one test. Ends with the
 * line "N passed, N failed", and with exit code 1 where anything failed.
 */

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const temporary = mkdtempSync(join(tmpdir(), 'alphapo-checks-'));

const GENERATED = 'libs/contracts/src/generated';

const checks: readonly { readonly name: string; readonly command: string }[] = [
  { name: 'formatting and lint', command: 'biome check --error-on-warnings .' },
  { name: 'types', command: 'tsc -p .' },
  { name: 'unused files, exports and dependencies', command: 'knip --no-config-hints' },
  {
    name: 'direction of dependencies',
    command: 'depcruise --config .dependency-cruiser.cjs libs services cli test bench charts examples proto',
  },
  { name: 'protocol buffers', command: 'buf lint' },
  {
    name: 'protocol buffers are compatible with the last release',
    command: 'buf breaking proto --against proto/released.binpb',
  },
  {
    name: 'generated code is current',
    command: `buf generate -o ${temporary} && buf build proto -o ${temporary}/${GENERATED}/descriptor-set.binpb && diff -r ${temporary}/${GENERATED} ${GENERATED}`,
  },
];

function run(command: string): number {
  return spawnSync('sh', ['-c', command], { stdio: 'inherit' }).status ?? 1;
}

function runChecks(): Totals {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, command } of checks) {
    const passed = run(command) === 0;
    totals[passed ? 'passed' : 'failed']++;
    console.log(`${passed ? 'ok' : 'NOT OK'}: ${name} (${command.split(' ')[0]})`);
  }
  const audit = auditDependencies();
  totals[audit.kind]++;
  if (audit.kind === 'skipped') console.log(`skipped: vulnerabilities of dependencies (npm audit: ${audit.reason})`);
  else {
    for (const advisory of audit.advisories) console.log(advisory);
    console.log(`${audit.kind === 'passed' ? 'ok' : 'NOT OK'}: vulnerabilities of dependencies (npm audit)`);
  }
  return totals;
}

function runTests(args: readonly string[]): Totals {
  const report = join(temporary, 'jest.json');
  const status = run(`npm run --silent jest -- --json --outputFile=${report} ${args.join(' ')} > /dev/null`);
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    const broken = result.numRuntimeErrorTestSuites;
    const failed = result.numFailedTests + broken || (status === 0 ? 0 : 1);
    return { passed: result.numPassedTests, failed, skipped: result.numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const args = process.argv.slice(2);
const checksOnly = args.includes('--checks-only');
const totals = runChecks();
if (!checksOnly) {
  const tests = runTests(args);
  totals.passed += tests.passed;
  totals.failed += tests.failed;
  totals.skipped += tests.skipped;
}
rmSync(temporary, { recursive: true, force: true });
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
if (totals.failed > 0 || totals.passed === 0) process.exitCode = 1;
