import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUTPUT_BYTES = 64 * 2 ** 20;

/**
 * A Python with the packages of requirements.txt: `ALPHAPO_PYTHON`, else a virtual environment in the cache folder, made
 * on first use (several GB, because PyPI's torch brings its GPU libraries).
 */
async function pythonPath(): Promise<string> {
  if (process.env.ALPHAPO_PYTHON) return process.env.ALPHAPO_PYTHON;
  const folder = join(process.env.ALPHAPO_CACHE ?? join(homedir(), '.cache/alphapo'), 'interop-venv');
  const python = join(folder, 'bin/python');
  const requirements = join(import.meta.dirname, 'requirements.txt');
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const done = join(folder, `complete-${digest}`);
  if (existsSync(done)) return python;
  await run('python3', ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], { maxBuffer: OUTPUT_BYTES });
  await run('touch', [done]);
  return python;
}

/** Runs a script of this folder and returns the JSON that it prints. */
export async function runPython<T>(script: string, ...args: string[]): Promise<T> {
  const python = await pythonPath();
  const { stdout } = await run(python, [join(import.meta.dirname, script), ...args], { maxBuffer: OUTPUT_BYTES });
  return JSON.parse(stdout);
}
