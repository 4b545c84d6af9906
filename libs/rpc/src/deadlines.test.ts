import { setTimeout as sleep } from 'node:timers/promises';
import { ScorerServiceDefinition } from '@alphapo/contracts';
import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { grpcDefinition } from './definition.ts';
import { withinTimers } from './grpc-js-repairs.ts';
import { type CallContext, connect, inProcess } from './index.ts';
import { chunk, GRADIENT, SCORE, serve } from './scorer.fixture.ts';

/** Deadlines beyond what a timer can hold (24.8 days), which would fire at once. */

const DAY_MS = 86_400_000;
const LONG = [24 * DAY_MS, 25 * DAY_MS, 30 * DAY_MS, 365 * DAY_MS, 10_000 * DAY_MS];
const WORK_MS = 200;

async function slowScorer() {
  const contexts: CallContext[] = [];
  /** Whether a call was ended while it was worked on. */
  const ended: boolean[] = [];
  const served = await serve({
    score: async (_request, context) => {
      contexts.push(context);
      await sleep(WORK_MS);
      ended.push(context.signal.aborted);
      return { results: [], policy: undefined };
    },
    gradient: async function* (context) {
      contexts.push(context);
      await sleep(WORK_MS);
      ended.push(context.signal.aborted);
      yield chunk(1);
    },
  });
  return { ...served, contexts, ended };
}

test.each(LONG)('a call of any client with a deadline in %p ms is answered', async (timeMs) => {
  const { server, connection, contexts, ended } = await slowScorer();
  await using _ = server;
  using _connection = connection;
  // As grpc-js and others send it: this client knows nothing of ours.
  const Client = makeGenericClientConstructor(grpcDefinition(ScorerServiceDefinition), 'Scorer');
  const client = new Client(server.address, credentials.createInsecure());
  const answer = await new Promise<unknown>((resolve, reject) => {
    const call = client.score as (...args: unknown[]) => void;
    const done = (error: ServiceError | null, response: unknown) =>
      error === null ? resolve(response) : reject(error);
    call.call(client, SCORE, { deadline: Date.now() + timeMs }, done);
  });
  client.close();
  expect(answer).toMatchObject({ results: [] });
  expect(ended).toEqual([false]);
  expect((contexts[0]?.deadline ?? 0) - Date.now()).toBeGreaterThan(23 * DAY_MS);
});

test.each([...LONG, 'none' as const])('our own calls take a limit of %p', async (timeoutMs) => {
  const { server, contexts, ended } = await slowScorer();
  await using _ = server;
  for (const address of [server.address, inProcess(server.address)]) {
    using connection = connect(ScorerServiceDefinition, address);
    expect(await connection.score(SCORE, { timeoutMs })).toMatchObject({ results: [] });
    const parts = await Array.fromAsync(connection.gradient(GRADIENT, { timeoutMs }));
    expect(parts).toHaveLength(1);
  }
  expect(ended).toEqual([false, false, false, false]);
  for (const { deadline } of contexts) expect(deadline - Date.now()).toBeGreaterThan(23 * DAY_MS);
});

test.each([
  ['720H', '596H'],
  ['99999999H', '596H'],
  ['43200M', '35791M'],
  ['2592000S', '2147483S'],
  ['596H', '596H'],
  ['99999999m', '99999999m'],
  ['5S', '5S'],
  ['100n', '100n'],
  ['123456789H', '123456789H'],
  ['soon', 'soon'],
])('of the header %s a timer gets %s', (header, expected) => {
  expect(withinTimers(header)).toBe(expected);
});
