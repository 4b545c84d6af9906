import { readFileSync } from 'node:fs';

/**
 * `npx alphapo …` is up to four processes: npx, a shell, on older Node.js our launcher, and the program. Whoever kills npx means the
 * program, but npx passes on only some signals, and the shell none. So each of ours ends once what started it is gone.
 */

const LOOK_MS = 500;

/**
 * Calls back once npx, or the launcher that started this process, is gone. Never for what was started directly: a service outlives the
 * shell that it was started from.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @param {() => void} onGone
 */
export function whenLauncherIsGone(environment, onGone) {
  const launcher = environment.ALPHAPO_LAUNCHER_PID;
  // What this process starts has a life of its own.
  delete environment.ALPHAPO_LAUNCHER_PID;
  if (launcher === undefined && environment.npm_command !== 'exec') return;
  const parent = launcher === undefined ? process.ppid : Number(launcher);
  const npx = isShellWithCommand(parent) ? parentOf(parent) : undefined;
  const timer = setInterval(() => {
    if (process.ppid === parent && (npx === undefined || parentOf(parent) === npx)) return;
    clearInterval(timer);
    onGone();
  }, LOOK_MS);
  timer.unref();
}

/**
 * `sh -c alphapo …` waits for the program, and does not notice that npx is gone.
 *
 * @param {number} pid
 */
function isShellWithCommand(pid) {
  const [program = '', option] = (read(`/proc/${pid}/cmdline`) ?? '').split('\0');
  return /(^|\/)(ba|da|z|k)?sh$/.test(program) && option === '-c';
}

/**
 * @param {number} pid
 * @returns {number | undefined} undefined where the system does not say, or the process is gone
 */
function parentOf(pid) {
  const fields = read(`/proc/${pid}/stat`)?.split(') ').at(-1);
  return fields === undefined ? undefined : Number(fields.split(' ')[1]);
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
