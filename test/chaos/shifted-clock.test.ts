import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../support/temporary-folder.ts';

const HOUR_MS = 3_600_000;

/** Tells its time and its age, before and after it sends itself the signal. */
const PROGRAM = `
const { setTimeout: sleep } = await import('node:timers/promises');
const { writeFileSync } = await import('node:fs');
const times = () => ({ now: Date.now(), made: new Date().getTime(), age: performance.now(), fixed: new Date(5).getTime() });
const before = times();
writeFileSync(process.env.ALPHAPO_CHAOS_CLOCK, '${-HOUR_MS}');
process.kill(process.pid, 'SIGUSR2');
await sleep(50);
console.log(JSON.stringify([before, times(), new Date() instanceof Date]));
`;

test('a clock that is moved at the signal shows in Date, and not in performance.now', async () => {
  const file = join(await temporaryFolder(), 'clock');
  await writeFile(file, `${HOUR_MS}`);
  const args = [`--import=${join(import.meta.dirname, 'shifted-clock.ts')}`, '--input-type=module', '--eval', PROGRAM];
  const env = { ...process.env, ALPHAPO_CHAOS_CLOCK: file };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  const [before, after, isDate] = JSON.parse(stdout);
  const minute = 60_000;
  expect(Math.abs(before.now - Date.now() - HOUR_MS)).toBeLessThan(minute);
  expect(Math.abs(after.now - Date.now() + HOUR_MS)).toBeLessThan(minute);
  expect(Math.abs(after.made - after.now)).toBeLessThan(minute);
  expect(after.age - before.age).toBeLessThan(minute);
  expect(after.age).toBeGreaterThan(before.age);
  expect(after.fixed).toBe(5);
  expect(isDate).toBe(true);
});
