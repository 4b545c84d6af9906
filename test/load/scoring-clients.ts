import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import { ScoreRequest, ScorerServiceDefinition } from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { performTask } from './child.ts';

/** Many clients of a scorer, each with a connection of its own, which call again and again. */

export interface ClientsTask {
  readonly port: number;
  readonly clients: number;
}

export interface ClientsResult {
  /** Milliseconds from a client's first try to its answer. */
  readonly latenciesMs: number[];
  /** Calls that were asked to come back later. */
  readonly shed: number;
  readonly failures: string[];
  /** Answers that differ from the first one to the same pair by more than merging explains. */
  readonly wrong: number;
}

const TIMEOUT_MS = 60_000;
/** As the scorer's hint says: a second, and not all at once. */
const RETRY_MS = 1_000;
const PAIRS = 16;
/** Merged calls differ in their last bits. */
const TOLERANCE = 1e-4;

/** Connections to one address are shared; all of 127.0.0.0/8 is this machine. */
const addressOf = (client: number, port: number) => `127.0.${1 + (client >> 8)}.${client & 255}:${port}`;

function requestOf(pair: number): ScoreRequest {
  const value = { prompt: `After ${pair}:`, chosen: ` ${pair + 1}`, rejected: ` ${pair}` };
  const item = { $case: 'textPair', value: { ...value, prompt: { $case: 'text', value: value.prompt } } } as const;
  return ScoreRequest.fromPartial({ items: [{ id: `${pair}`, item }] });
}

await performTask<ClientsTask, ClientsResult>(async ({ port, clients }, stop) => {
  const latenciesMs: number[] = [];
  const failures: string[] = [];
  const expected = new Map<number, number>();
  let [shed, wrong] = [0, 0];
  const check = (pair: number, sum: number | undefined) => {
    const first = expected.get(pair) ?? sum;
    if (first === undefined || sum === undefined || !(Math.abs(first - sum) <= TOLERANCE)) wrong++;
    else expected.set(pair, first);
  };
  const client = async (index: number) => {
    using connection = connect(ScorerServiceDefinition, addressOf(index, port));
    for (let call = 0, from = performance.now(); !stop.aborted; ) {
      const pair = (index + call) % PAIRS;
      try {
        const { results } = await connection.score(requestOf(pair), { timeoutMs: TIMEOUT_MS });
        latenciesMs.push(performance.now() - from);
        check(pair, results[0]?.chosen?.sum);
        from = performance.now();
        call++;
      } catch (error) {
        if (error instanceof AlphapoError && error.code === 'resource-exhausted') shed++;
        else failures.push(String(error));
        await sleep(RETRY_MS * (0.5 + Math.random()), undefined, { signal: stop }).catch(() => {});
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return { latenciesMs, shed, failures, wrong };
});
