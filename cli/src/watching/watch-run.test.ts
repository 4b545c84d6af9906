import {
  GetStatusResponse,
  OptimizerServiceDefinition,
  RunState,
  WatchEvaluationsResponse,
  WatchStepsResponse,
} from '@alphapo/contracts';
import { connect, Handlers, RpcServer } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { type Watched, watchRun } from './watch-run.ts';

/** An optimizer's server that tells a run's status and steps as a test wants them. */
async function optimizer(
  run: { status: Partial<GetStatusResponse>; steps: number; open?: boolean },
  address = '127.0.0.1:0',
) {
  const handlers = new Handlers(createLogger({ service: 'test', level: 'silent' }));
  const unused = handlers.unary(async () => ({}));
  const implementation = {
    ...{ pause: unused, resume: unused, getPolicy: unused, checkpoint: unused, export: unused },
    getStatus: handlers.unary(async () =>
      GetStatusResponse.fromPartial({ runId: 'run', totalSteps: 9n, ...run.status }),
    ),
    watchSteps: handlers.serverStream(async function* ({ fromStep }: { fromStep: bigint }, { signal }) {
      for (let step = fromStep; step <= run.steps; step++) yield WatchStepsResponse.fromPartial({ step });
      if (run.open) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    }),
    watchEvaluations: handlers.serverStream(async function* ({ fromStep }: { fromStep: bigint }) {
      for (let step = fromStep; step <= run.steps; step += 2n) yield WatchEvaluationsResponse.fromPartial({ step });
    }),
  };
  const services = [{ definition: OptimizerServiceDefinition, implementation }];
  return RpcServer.start({ address, services, handlers, drainMs: 100 });
}

/** Watches until the end; lines as they were printed, what was said, and the error. */
async function watched(
  address: string,
  onLine: (line: string) => void = () => {},
  awayMs = 30_000,
  what: Watched = 'steps',
) {
  using connection = connect(OptimizerServiceDefinition, address);
  const [printed, said]: [string[], string[]] = [[], []];
  const print = (line: string) => {
    printed.push(line);
    onLine(line);
  };
  const { signal } = new AbortController();
  const parts = {
    optimizer: connection,
    watched: what,
    fromStep: what === 'steps' ? 1 : 0,
    awayMs,
    signal,
    print,
    say: (line: string) => void said.push(line),
  };
  const error = await watchRun(parts).then(
    () => undefined,
    (failure: Error) => failure,
  );
  const lines = printed.map((line) => JSON.parse(line));
  const steps = lines.filter((line) => 'step' in line).map(({ step }) => step);
  return { lines, steps, said, error };
}

const at = (step: bigint) => ({ policy: { runId: 'run', step, digest: '' } });

test('a finished run is told with its steps, and its status at the end; a run that ended early says so', async () => {
  const message = 'the data ended at step 3 of 9: the producer marked its end';
  await using server = await optimizer({ status: { state: RunState.FINISHED, message, ...at(3n) }, steps: 3 });
  const { lines, steps, said, error } = await watched(server.address);
  expect(error).toBeUndefined();
  expect(steps).toEqual([1, 2, 3]);
  expect(lines[0]).toMatchObject({ state: 'RUN_STATE_FINISHED', totalSteps: 9 });
  expect(lines.at(-1)).toMatchObject({ state: 'RUN_STATE_FINISHED', message });
  expect(said).toEqual([`the run is finished after 3 of 9 steps; ${message}`]);
});

test('evaluations are told in place of steps, that before the first step too', async () => {
  await using server = await optimizer({ status: { state: RunState.FINISHED, ...at(4n) }, steps: 4 });
  const { steps, error } = await watched(server.address, undefined, undefined, 'evaluations');
  expect([error, steps]).toEqual([undefined, [0, 2, 4]]);
});

test('a failed run is an error with what it failed of', async () => {
  await using server = await optimizer({
    status: { state: RunState.FAILED, message: 'no such token', ...at(1n) },
    steps: 1,
  });
  const { lines, steps, error } = await watched(server.address);
  expect(steps).toEqual([1]);
  expect(lines.at(-1)).toMatchObject({ state: 'RUN_STATE_FAILED' });
  expect(error).toMatchObject({ reason: 'RUN_FAILED', message: 'the run failed after 1 of 9 steps: no such token' });
});

test('an optimizer that is restarted is waited for, and no step comes twice', async () => {
  let server = await optimizer({ status: { state: RunState.TRAINING }, steps: 2, open: true });
  const { address } = server;
  let restarted: Promise<void> | undefined;
  const restart = async () => {
    await server[Symbol.asyncDispose]();
    server = await optimizer({ status: { state: RunState.FINISHED, ...at(4n) }, steps: 4 }, address);
  };
  const { steps, said, error } = await watched(address, (line) => {
    if (JSON.parse(line).step === 2) restarted ??= restart();
  });
  await restarted;
  await server[Symbol.asyncDispose]();
  expect(error).toBeUndefined();
  expect(steps).toEqual([1, 2, 3, 4]);
  expect(said.at(-1)).toBe('the run is finished after 4 of 9 steps');
});

test('an optimizer that stays away is an error that says for how long', async () => {
  const server = await optimizer({ status: { state: RunState.TRAINING }, steps: 2, open: true });
  let stopped: Promise<void> | undefined;
  const stop = (line: string) => {
    if (JSON.parse(line).step === 2) stopped ??= server[Symbol.asyncDispose]();
  };
  const { said, error } = await watched(server.address, stop, 2_000);
  await stopped;
  expect(said[0]).toMatch(/^lost the optimizer at 127\.0\.0\.1:\d+; waiting up to 2 s/);
  expect(error).toMatchObject({
    reason: 'OPTIMIZER_GONE',
    message: expect.stringMatching(
      /did not come back within \d+ s: nothing listens on .*; is the optimizer running there\?/,
    ),
  });
});

test('an optimizer that was never there is an error at once', async () => {
  expect((await watched('127.0.0.1:1')).error?.message).toBe(
    'nothing listens on 127.0.0.1:1; is the optimizer running there?',
  );
});
