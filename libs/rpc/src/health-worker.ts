import { parentPort, workerData } from 'node:worker_threads';
import { AlphapoError, type ErrorCode } from '@alphapo/base';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { HealthStatus } from './health-status.ts';
import { KEEPALIVE, type ServerLimits } from './limits.ts';
import { Listener } from './listener.ts';
import { HEALTH_REQUEST_BYTES, sheddingLoad } from './load-shedding.ts';

/** The thread of a HealthThread. */
export interface HealthTask {
  readonly address: string;
  readonly services: readonly string[];
  readonly limits: ServerLimits;
  /** A counter that the main thread increments while it is alive; unchanged for `stalledMs`, the server is not serving. */
  readonly beats: Int32Array;
  readonly stalledMs: number;
}

/** What the thread reports once it listens, or cannot. After that it receives whether the server is serving. */
export type HealthWorkerMessage =
  | { readonly address: string }
  | { readonly refused: { readonly code: ErrorCode; readonly reason: string; readonly text: string } };

/** Whoever asks for health holds one connection, and a call or two. */
const CONNECTIONS = 64;
const CALLS_PER_CONNECTION = 16;
/** How often in that time the number is looked at. */
const LOOKS = 15;

setLogVerbosity(logVerbosity.NONE);
const { address, services, limits, beats, stalledMs } = workerData as HealthTask;
const port = parentPort;
if (port === null) throw new Error('health-worker.ts is a thread of a HealthThread');
try {
  const status = new HealthStatus(services);
  const server = new Server({
    'grpc.max_receive_message_length': HEALTH_REQUEST_BYTES,
    'grpc.max_concurrent_streams': CALLS_PER_CONNECTION,
    'grpc.max_connection_idle_ms': limits.idleMs,
    ...KEEPALIVE,
    interceptors: [sheddingLoad(limits)],
  });
  status.addTo(server);
  const credentials = ServerCredentials.createInsecure();
  const listener = await Listener.open(address, server, { credentials, connections: CONNECTIONS });
  followMain(status);
  port.postMessage({ address: listener.address } satisfies HealthWorkerMessage);
} catch (error) {
  if (!(error instanceof AlphapoError)) throw error;
  const { code, reason, message: text } = error;
  port.postMessage({ refused: { code, reason, text } } satisfies HealthWorkerMessage);
}

/** Says what the main thread says, as long as that one is alive. */
function followMain(status: HealthStatus): void {
  let serving = true;
  let told = true;
  let seen = { beats: Atomics.load(beats, 0), at: performance.now() };
  const tell = () => {
    const now = serving && performance.now() - seen.at < stalledMs;
    // Watchers are notified of changes only.
    if (now !== told) status.setServing(now);
    told = now;
  };
  port?.on('message', (said: boolean) => {
    serving = said;
    tell();
  });
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    if (now !== seen.beats) seen = { beats: now, at: performance.now() };
    tell();
  }, stalledMs / LOOKS);
}
