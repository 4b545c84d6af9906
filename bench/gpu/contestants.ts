import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { LEARNING_RATE, type Method, OBJECTIVE } from '../work.ts';
import { type Finished, runWatched } from './device-memory.ts';

/** What is compared: where, in which precision, on which work. */
export interface Contest {
  readonly device: string;
  readonly dtype: string;
  readonly threads: number;
  readonly python: string;
}

/** What a contestant reports of its training, and what was seen of the GPU. */
export interface Trained {
  readonly pairsPerSecond: number;
  readonly losses: readonly number[];
  /** Of the GPU, or of the process where there is none. */
  readonly peakMemoryMb: number;
  /** Settings that it ran with, for the table. */
  readonly note: string;
}

const script = (name: string) => join(import.meta.dirname, name);
const objectiveArguments = Object.entries(OBJECTIVE).flatMap(([key, value]) =>
  key === 'kind' ? [] : [`--${key}`, `${value}`],
);

/** The number of the GPU, where the device is one. */
export const gpuIndex = (device: string): number | undefined =>
  device.startsWith('cuda') ? Number(device.split(':')[1] ?? 0) : undefined;

/** PyTorch's packages bring the CUDA libraries: ONNX Runtime finds them by this environment. */
function cudaEnvironment(python: string): NodeJS.ProcessEnv {
  const find = 'import glob, sysconfig; print(":".join(glob.glob(sysconfig.get_path("purelib") + "/nvidia/*/lib")))';
  const { stdout } = spawnSync(python, ['-c', find], { encoding: 'utf8' });
  const folders = [stdout.trim(), process.env.LD_LIBRARY_PATH ?? ''].filter((folder) => folder !== '');
  return { ...process.env, LD_LIBRARY_PATH: folders.join(':') };
}

function succeeded(finished: Finished, what: string): Finished {
  if (finished.status === 0) return finished;
  throw new Error(`${what} failed:\n${finished.stderr.slice(-4000)}`);
}

const runPython = (contest: Contest, name: string, args: readonly string[]): Promise<Finished> =>
  runWatched(contest.python, [script(name), ...args], { env: process.env, index: gpuIndex(contest.device) });

const runOurs = (contest: Contest, file: string, args: readonly string[]): Promise<Finished> =>
  runWatched(
    process.execPath,
    [file, ...args, '--device', contest.device, '--dtype', contest.dtype, '--threads', `${contest.threads}`],
    { env: cudaEnvironment(contest.python), index: gpuIndex(contest.device) },
  );

/** Makes a work folder. */
export async function makeWork(contest: Contest, folder: string, config: string, options: object): Promise<void> {
  const args = Object.entries(options).flatMap(([key, value]) => [`--${key}`, `${value}`]);
  const made = succeeded(await runPython(contest, 'work.py', [folder, config, ...args]), 'work.py');
  console.error(made.stdout.trim());
}

/** Log-probabilities, loss and gradient of the first pairs by PyTorch, into a safetensors file. */
export async function computeReference(contest: Contest, work: string, out: string, pairs: number): Promise<void> {
  const where = ['--device', contest.device, '--dtype', contest.dtype, '--pairs', `${pairs}`];
  succeeded(await runPython(contest, 'reference.py', [work, out, ...where, ...objectiveArguments]), 'reference.py');
}

/** The same by our engine. */
export async function computeOurs(contest: Contest, work: string, out: string, pairs: number): Promise<void> {
  succeeded(
    await runOurs(contest, script('ours-reference.ts'), ['--work', work, '--out', out, '--pairs', `${pairs}`]),
    'ours-reference.ts',
  );
}

/** How long contestants train, and on what. */
export interface Training {
  readonly method: Method;
  readonly steps: number;
  /** Pairs of a step. */
  readonly batch: number;
}

/** Trains with our engine, further options of ours.ts as given. */
export async function trainOurs(
  contest: Contest,
  work: string,
  { method, steps, batch }: Training,
  options: readonly string[] = [],
): Promise<Trained> {
  const counts = ['--steps', `${steps}`, '--batch', `${batch}`];
  const args = ['--work', work, ...counts, ...(method === 'full' ? ['--full'] : []), ...options];
  return report(succeeded(await runOurs(contest, script('../ours.ts'), args), 'ours.ts'), '');
}

/** Trains with TRL, so many pairs at a time; with fewer where memory does not suffice. */
export async function trainPeer(
  contest: Contest,
  work: string,
  { method, steps, batch }: Training,
  together = batch,
): Promise<Trained> {
  const liger = contest.device.startsWith('cuda') ? [] : ['--no-liger'];
  for (let micro = together; ; micro /= 2) {
    const finished = await runPython(contest, 'peer_trl.py', [
      ...[work, '--device', contest.device.split(':')[0] as string, '--dtype', contest.dtype],
      ...['--steps', `${steps}`, '--batch', `${batch}`, '--micro', `${micro}`, '--threads', `${contest.threads}`],
      ...['--learning-rate', `${LEARNING_RATE[method]}`, ...objectiveArguments, ...liger],
      ...(method === 'full' ? ['--full'] : []),
    ]);
    const outOfMemory = finished.status !== 0 && /out of memory/i.test(finished.stderr);
    if (!outOfMemory || micro === 1) return report(succeeded(finished, 'peer_trl.py'), `micro-batch ${micro}`);
    console.error(`peer_trl.py: out of memory with ${micro} pairs at a time`);
  }
}

function report({ stdout, deviceMemoryMb }: Finished, note: string): Trained {
  const printed = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return { ...printed, peakMemoryMb: deviceMemoryMb ?? printed.peakMemoryMb, note };
}
