import { spawn, spawnSync } from 'node:child_process';

const SAMPLE_MS = 200;

/** Whether nvidia-smi knows a GPU of this number. */
export const isThere = (index: number): boolean => memoryInUse(index) !== undefined;

/** Memory of a GPU in use by whomever, in MB, as nvidia-smi says; undefined without one. */
function memoryInUse(index: number): number | undefined {
  const query = ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '-i', `${index}`];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  return status === 0 ? Number(stdout.trim()) : undefined;
}

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Most memory of the GPU in use while it ran, above what was in use before, in MB; undefined without a GPU. */
  readonly deviceMemoryMb: number | undefined;
}

/** Runs a program and watches the GPU's memory meanwhile: the same measure for all, whatever they allocate with. */
export async function runWatched(
  command: string,
  args: readonly string[],
  { env, index }: { readonly env: NodeJS.ProcessEnv; readonly index: number | undefined },
): Promise<Finished> {
  const before = index === undefined ? undefined : memoryInUse(index);
  let most = before;
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const sampling = setInterval(() => {
    const now = index === undefined || before === undefined ? undefined : memoryInUse(index);
    if (now !== undefined && most !== undefined) most = Math.max(most, now);
  }, SAMPLE_MS);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on('error', reject).on('close', resolve);
  try {
    const status = await promise;
    return {
      status,
      ...output,
      deviceMemoryMb: most === undefined || before === undefined ? undefined : most - before,
    };
  } finally {
    clearInterval(sampling);
  }
}
