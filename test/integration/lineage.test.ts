import { join } from 'node:path';
import { sha256 } from '@alphapo/base';
import { LOCAL_TOPICS, type RecordTrace, stepLineage, type TraceTarget, traceRecord } from '@alphapo/cli';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { ServiceProcess } from '../support/processes.ts';
import { BAD, BATCH, copyOf, editLog, STEPS, trainedRun } from './lineage.fixture.ts';
import { recordsOf } from './services.fixture.ts';

const { preferences, preferenceBatches, trainingSteps } = LOCAL_TOPICS;
const { signal } = new AbortController();

let clean: string;
let data: string;
beforeAll(async () => {
  ({ run: clean, data } = await trainedRun());
});

const ledgerOf = (run: string) => {
  const log = openEmbeddedEventLog({ path: join(run, 'log.sqlite') });
  const ledger = { log, topics: LOCAL_TOPICS, checkpointFolder: undefined };
  return { ...ledger, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() };
};

async function trace(run: string, target: TraceTarget): Promise<RecordTrace[]> {
  await using ledger = ledgerOf(run);
  return await traceRecord(ledger, target, signal);
}
const byId = (id: string): TraceTarget => ({ kind: 'id', id });
const byOffset = (offset: bigint): TraceTarget => ({ kind: 'offset', partition: 0, offset });

describe('a record', () => {
  test('that was trained on is found by its id and by its place', async () => {
    const [found, ...more] = await trace(clean, byId('pair-9'));
    expect(more).toEqual([]);
    // Bad records come first, then the pairs in order, in line 13 and on of a file with three bad lines before them.
    expect(found).toMatchObject({
      source: { topic: 'preferences', partition: 0, offset: BigInt(BAD + 9), origin: `${data}:13` },
      fate: { kind: 'pair', id: 'pair-9', batchOffset: 2n, position: 1, step: { step: 3 } },
    });
    expect(await trace(clean, byOffset(BigInt(BAD + 9)))).toEqual([found]);
    expect(await trace(clean, byId(`preferences/0/${BAD + 9}`))).toEqual([found]);
  });

  test('that could not be trained on is found with the reason', async () => {
    const expected = {
      source: { offset: 1n, origin: `${data}:7` },
      fate: { kind: 'dead-letter', letterOffset: 1n, reason: 'EMPTY_RESPONSE' },
    };
    expect(await trace(clean, byOffset(1n))).toMatchObject([expected]);
    expect(await trace(clean, byId('bad'))).toMatchObject([expected]);
  });

  test('that is an instruction is told apart', async () => {
    expect(await trace(clean, byOffset(BigInt(BAD + BATCH * STEPS)))).toMatchObject([
      { fate: { kind: 'control', instruction: 'end-of-data' } },
    ]);
  });

  test('that was sent again and waits is shown beside the one that was trained on', async () => {
    const run = await copyOf(clean);
    editLog(run, (file) => file.repeat(preferences, BAD + 9));
    const again = BigInt(BAD + BATCH * STEPS + 1);
    expect((await trace(run, byId('pair-9'))).map(({ source, fate }) => [source.offset, fate.kind])).toEqual([
      [BigInt(BAD + 9), 'pair'],
      [again, 'waiting'],
    ]);
    expect(await trace(run, byOffset(again))).toMatchObject([{ fate: { kind: 'waiting' } }]);
  });

  test('whose batch waits for its step says so', async () => {
    const run = await copyOf(clean);
    editLog(run, (file) => file.remove(trainingSteps, STEPS - 1));
    expect(await trace(run, byId(`pair-${BATCH * STEPS - 1}`))).toMatchObject([
      { fate: { kind: 'pair', batchOffset: BigInt(STEPS - 1), step: undefined } },
    ]);
  });

  test('that is in no batch is lost', async () => {
    const run = await copyOf(clean);
    editLog(run, (file) => file.remove(preferenceBatches, 2));
    expect(await trace(run, byOffset(BigInt(BAD + 9)))).toMatchObject([{ fate: { kind: 'lost' } }]);
  });

  test('that has expired is still known by its batch', async () => {
    const run = await copyOf(clean);
    editLog(run, (file) => file.cutOff(preferences, 20));
    expect(await trace(run, byId('pair-9'))).toMatchObject([
      { source: { offset: BigInt(BAD + 9), origin: undefined }, fate: { kind: 'pair', step: { step: 3 } } },
    ]);
  });

  test.each([byId('pair-1000'), byOffset(1000n), byId('preferences/0/1000')])(
    '%j that was never there is an error',
    async (target) => {
      await expect(trace(clean, target)).rejects.toMatchObject({ code: 'not-found', reason: 'RECORD_NOT_FOUND' });
    },
  );
});

describe('a step', () => {
  test('names its batch, the pairs with their sources, and the policies before and after', async () => {
    await using ledger = ledgerOf(clean);
    const batch = (await recordsOf(ledger.log, preferenceBatches)).at(2);
    const [second, third] = await Promise.all([2, 3].map((step) => stepLineage(ledger, step, signal)));
    expect(third).toMatchObject({
      step: { step: 3, batchOffset: '2', pairIds: [8, 9, 10, 11].map((i) => `pair-${i}`) },
      batchDigest: sha256(batch?.value as Uint8Array),
      policyBefore: second?.step.policyDigest,
      sources: [8, 9, 10, 11].map((i) => ({ partition: 0, offset: BigInt(BAD + i), origin: `${data}:${i + 4}` })),
    });
  });

  test('the first one began with the start of the run', async () => {
    await using ledger = ledgerOf(clean);
    expect((await stepLineage(ledger, 1, signal)).policyBefore).toBeUndefined();
  });

  test('that was not taken is an error that names the last one', async () => {
    await using ledger = ledgerOf(clean);
    await expect(stepLineage(ledger, 7, signal)).rejects.toMatchObject({
      reason: 'STEP_NOT_FOUND',
      message: expect.stringContaining('the last one is 6'),
    });
  });

  test('whose batch is gone is an error', async () => {
    const run = await copyOf(clean);
    editLog(run, (file) => file.remove(preferenceBatches, 2));
    await using ledger = ledgerOf(run);
    await expect(stepLineage(ledger, 3, signal)).rejects.toMatchObject({ reason: 'BATCH_NOT_FOUND' });
  });
});

describe('the command', () => {
  async function run(...args: string[]): Promise<string> {
    await using child = new ServiceProcess(['lineage', '--run', clean, ...args]);
    expect(await child.exited()).toBe(0);
    return child.output;
  }

  test('shows a record with batch, shard, step and result', async () => {
    const output = await run('--pair', 'pair-9');
    for (const line of [
      `preferences/0 offset ${BAD + 9}, from ${data}:13`,
      'batch   at preference-batches offset 2, position 1 of 4; it covers offsets 11 to 14, 0 of them dead letters',
      'shard   1 of 4, position 0',
      'step    3',
    ]) {
      expect(output).toContain(line);
    }
    expect(output).toMatch(/result {2}means of its batch: loss \d+\.\d{4}, accuracy \d\.\d{4}, margin/);
  });

  test('shows a step as JSON', async () => {
    const shown = JSON.parse(await run('--step', '3', '--json'));
    expect(shown).toMatchObject({ step: 3, batch: { offset: '2', pairs: 4, firstOffset: '11', nextOffset: '15' } });
    expect(shown.pairs[1]).toEqual({
      ...{ id: 'pair-9', position: 1, shard: { index: 1, of: 4, position: 0 } },
      source: { topic: 'preferences', partition: 0, offset: `${BAD + 9}`, origin: `${data}:13` },
    });
  });
});
