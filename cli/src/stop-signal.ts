/** Ctrl-C under npx reaches the program twice, from the terminal and from npx: signals this close together are one request. */
const ONE_REQUEST_MS = 500;

const EXIT_CODES: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143 };

const stop = new AbortController();
let stopped: { readonly exitCode: number; readonly at: number } | undefined;
let listening = false;

/** An abort signal for Ctrl-C and SIGTERM: the first stops in good order, a second one at once. */
export function stopSignal(): AbortSignal {
  if (!listening) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  listening = true;
  return stop.signal;
}

/** The exit code of a program that a signal stopped; undefined where none did. */
export function stoppedExitCode(): number | undefined {
  return stopped?.exitCode;
}

function onSignal(signal: NodeJS.Signals): void {
  if (stopped === undefined) {
    stopped = { exitCode: EXIT_CODES[signal] ?? 1, at: performance.now() };
    stop.abort();
  } else if (performance.now() - stopped.at > ONE_REQUEST_MS) process.exit(stopped.exitCode);
}
