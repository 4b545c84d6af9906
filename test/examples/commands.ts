import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');
const EXAMPLES = join(ROOT, 'examples');
const OUTPUT_BYTES = 16 * 2 ** 20;

export interface CommandOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** What stands in the README, such as an address, and what it is here. */
  readonly replacements?: Readonly<Record<string, string>>;
}

/** Runs all shell commands of an example's README, in order, in its folder; returns what they print. */
export async function runReadme(example: string, { environment, replacements = {} }: CommandOptions): Promise<string> {
  const folder = join(EXAMPLES, example);
  const readme = await readFile(join(folder, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);
  let script = blocks.join('');
  for (const [written, actual] of Object.entries(replacements)) script = script.replaceAll(written, actual);
  return runCommand('bash', ['-euo', 'pipefail', '-c', script], { folder, environment });
}

/** Runs a program of an example with this repository's Node.js; returns what it prints. */
export function runTypeScript(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<string> {
  return runCommand(process.execPath, args, { folder: join(EXAMPLES, 'typescript'), environment });
}

async function runCommand(
  program: string,
  args: readonly string[],
  { folder, environment }: { readonly folder: string; readonly environment: Readonly<Record<string, string>> },
): Promise<string> {
  const PATH = [join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  const env = { ...process.env, ...environment, PATH: environment.PATH ?? PATH };
  const { stdout } = await run(program, [...args], { cwd: folder, env, maxBuffer: OUTPUT_BYTES });
  // Maven ends its quiet output with an escape sequence.
  return stripVTControlCharacters(stdout);
}

/** Why an example cannot be run here: a program that is not on the PATH; undefined where all are. */
export async function missingProgram(programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    try {
      await run('sh', ['-c', `command -v ${program}`]);
    } catch {
      return `no ${program} on the PATH`;
    }
  }
  return undefined;
}
