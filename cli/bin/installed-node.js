import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { whenLauncherIsGone } from './launcher-watch.js';

/** Plain JavaScript that Node.js 18 runs too. */

/** Sent on to the program. From a terminal Ctrl-C reaches both, and the program takes the two as one. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/**
 * Runs a program with the newer Node.js that `npm ci` installs on Linux, in place of this process: with its streams, its exit
 * code, and the signals that are sent here.
 *
 * @param {number} version that the program needs
 * @param {string} program its file
 */
export function runWithInstalledNode(version, program) {
  const node = installedNode();
  if (node === undefined) {
    process.stderr.write(
      `alphapo: needs Node.js ${version} or later, and this is ${process.version}: install it, or run npm ci in AlphaPO's folder with its optional dependencies (Linux)\n`,
    );
    process.exit(1);
  }
  const environment = { ...process.env };
  const child = spawn(node, [...process.execArgv, program, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...environment, ALPHAPO_LAUNCHER_PID: String(process.pid) },
  });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  whenLauncherIsGone(environment, () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    process.stderr.write(`alphapo: cannot start ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const forwarded of FORWARDED) process.removeAllListeners(forwarded);
    process.kill(process.pid, signal);
  });
}

/** @returns {string | undefined} undefined where the optional dependency is missing, or there is none for this platform */
function installedNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}
