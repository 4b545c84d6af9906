import { readAudit } from './audit.ts';

const report = (severity: string) =>
  JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities: {
      minimist: {
        name: 'minimist',
        severity,
        range: '<0.2.4',
        via: [{ title: 'Prototype Pollution', url: 'https://github.com/advisories/GHSA-xvch-5gv4-984h', severity }],
      },
      mkdirp: { name: 'mkdirp', severity, range: '0.4.1 - 0.5.1', via: ['minimist'] },
    },
  });

test.each(['high', 'critical'])('an advisory that is %s fails the checks, and is named', (severity) => {
  expect(readAudit(report(severity))).toEqual({
    kind: 'failed',
    advisories: [
      `${severity}: minimist <0.2.4: Prototype Pollution (https://github.com/advisories/GHSA-xvch-5gv4-984h)`,
    ],
  });
});

test('an advisory that is moderate is told, and passes', () => {
  expect(readAudit(report('moderate'))).toMatchObject({
    kind: 'passed',
    advisories: [expect.stringContaining('moderate: minimist')],
  });
});

test('a report without vulnerabilities passes', () => {
  expect(readAudit('{"auditReportVersion":2,"vulnerabilities":{}}')).toEqual({ kind: 'passed', advisories: [] });
});

test('a registry that does not answer is no failure, and says why', () => {
  const refusal = JSON.stringify({ message: '405 Method Not Allowed', statusCode: 405 });
  expect(readAudit(refusal)).toEqual({ kind: 'skipped', reason: '405 Method Not Allowed' });
  expect(readAudit('')).toMatchObject({ kind: 'skipped' });
});
