import { spawnSync } from 'node:child_process';

/** What a contestant is given, as a file of JSON: every one does the same. */
export interface Task {
  /** Model folder, or GGUF file. */
  readonly model: string;
  /** Token ids of the prompts that are continued together. */
  readonly prompts: readonly (readonly number[])[];
  /** Tokens of each continuation; no end token ends one. */
  readonly tokens: number;
  readonly threads: number;
  readonly dtype: 'float32' | 'bfloat16';
  /** Measured rounds, after one that is not measured. */
  readonly rounds: number;
}

/** What a contestant prints, as its last line of JSON. */
export interface Measured {
  /** Of each round: until all prompts have their first token, and until all have all tokens. */
  readonly firstSeconds: readonly number[];
  readonly totalSeconds: readonly number[];
  readonly peakMemoryMb: number;
  /** Of the last round, of each prompt. */
  readonly continuations: readonly (readonly number[])[];
}

/** Runs a contestant in a process of its own, so that its peak memory is its own. Throws with what it complains of. */
export function runContestant(command: readonly string[], taskFile: string): Measured {
  const [program = '', ...args] = command;
  const result = spawnSync(program, [...args, taskFile], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (result.status !== 0) throw new Error(`${command.join(' ')} failed:\n${result.stderr.slice(-4000)}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '');
}
