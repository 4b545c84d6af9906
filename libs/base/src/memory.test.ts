import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { peakMemory } from './memory.ts';

const MiB = 2 ** 20;

test('the peak of a process holds what it has held, and nothing of the process that started it', async () => {
  const held = Buffer.alloc(256 * MiB, 1);
  expect(peakMemory()).toBeGreaterThan(256 * MiB);
  const program = `console.log((await import(process.argv[1])).peakMemory())`;
  const args = ['--input-type=module', '-e', program, join(import.meta.dirname, 'memory.ts')];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(Number(stdout)).toBeGreaterThan(16 * MiB);
  expect(Number(stdout)).toBeLessThan(256 * MiB);
  expect(held.length).toBe(256 * MiB);
});
