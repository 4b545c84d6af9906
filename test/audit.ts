import { spawnSync } from 'node:child_process';
import { z } from 'zod';

/**
 * Known vulnerabilities of what a deployment runs. Those that are high or critical fail the checks; a registry that cannot be
 * asked, or does not answer this, only skips them: nobody's work should stop because of a network.
 */
export type AuditOutcome =
  | { readonly kind: 'passed' | 'failed'; readonly advisories: readonly string[] }
  | { readonly kind: 'skipped'; readonly reason: string };

const FAILING = ['high', 'critical'];
const TIMEOUT_MS = 60_000;

const advisorySchema = z.object({ title: z.string(), url: z.string(), severity: z.string() });
const reportSchema = z.object({
  auditReportVersion: z.literal(2),
  vulnerabilities: z.record(
    z.string(),
    z.object({
      severity: z.string(),
      range: z.string(),
      // A name where the vulnerability is that of another package in the report.
      via: z.array(z.union([z.string(), advisorySchema])),
    }),
  ),
});

/** Asks the registry about the production dependencies of the lock file. */
export function auditDependencies(): AuditOutcome {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8', timeout: TIMEOUT_MS });
  return readAudit(stdout ?? '');
}

/** What `npm audit --json` printed. */
export function readAudit(output: string): AuditOutcome {
  let parsed: unknown;
  try {
    parsed = JSON.parse(output);
  } catch {
    return { kind: 'skipped', reason: 'npm audit gave no report' };
  }
  const report = reportSchema.safeParse(parsed);
  if (!report.success) {
    const { message } = z.object({ message: z.string().optional() }).parse(parsed);
    return { kind: 'skipped', reason: message ?? 'npm audit gave a report of another form' };
  }
  const found = Object.entries(report.data.vulnerabilities).flatMap(([name, { range, via }]) =>
    via.flatMap((advisory) =>
      typeof advisory === 'string'
        ? []
        : [{ ...advisory, place: `${name} ${range}`, fails: FAILING.includes(advisory.severity) }],
    ),
  );
  return {
    kind: found.some(({ fails }) => fails) ? 'failed' : 'passed',
    advisories: found.map(({ severity, place, title, url }) => `${severity}: ${place}: ${title} (${url})`),
  };
}
