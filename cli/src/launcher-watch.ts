import { readFileSync } from 'node:fs';

/**
 * `npx alphapo …` is up to three processes: npx, a shell, and the program. Whoever kills npx means the program, but npx passes on only
 * some signals, and the shell none. So a program that npx or our own launcher started ends when those are gone.
 */

const LOOK_MS = 500;

/** Asks this process to end, as SIGTERM does, once what started it is gone. Does nothing for a program that was started directly. */
export function watchLauncher(environment: NodeJS.ProcessEnv = process.env): void {
  const launcher = environment.ALPHAPO_LAUNCHER_PID;
  // What this process starts has a life of its own.
  delete environment.ALPHAPO_LAUNCHER_PID;
  const parent = launcher === undefined ? process.ppid : Number(launcher);
  const shellParent = isShellOfNpx(parent) ? parentOf(parent) : undefined;
  if (launcher === undefined && environment.npm_command !== 'exec') return;
  const timer = setInterval(() => {
    if (process.ppid === parent && (shellParent === undefined || parentOf(parent) === shellParent)) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_MS);
  timer.unref();
}

/** `sh -c alphapo …` waits for the program, and would not notice that npx is gone. */
function isShellOfNpx(pid: number): boolean {
  const [program = '', option] = read(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
  return /(^|\/)(ba|da|z|k)?sh$/.test(program) && option === '-c';
}

/** Undefined where the system does not say, or the process is gone. */
function parentOf(pid: number): number | undefined {
  const after = read(`/proc/${pid}/stat`)?.split(') ').at(-1);
  return after === undefined ? undefined : Number(after.split(' ')[1]);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
