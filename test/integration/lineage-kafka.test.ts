import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { topicsWithPrefix } from '@alphapo/contracts';
import { type LogRecord, openKafkaEventLog } from '@alphapo/messaging';
import { deleteRecordsBefore } from '../../libs/messaging/src/kafka/administer.fixture.ts';
import { describeKafka, startKafka, type TestBroker } from '../kafka/broker.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo, type RunPlace, trainOverKafka } from './kafka-run.ts';
import { checkpointsIn, recordsOf } from './services.fixture.ts';

const BATCH = 4;
const STEPS = 8;
const BAD = 3;
const SETTINGS = { learningRate: 1e-3, batchSize: BATCH, steps: STEPS, loraRank: 4, maxLength: 64 };

/** A run's records, bad ones among them, in one file. */
async function workplace(): Promise<RunPlace> {
  const folder = await temporaryFolder();
  const [model, data, config] = [join(folder, 'model'), join(folder, 'pairs.jsonl'), join(folder, 'run.yaml')];
  await alphapo('init-model', model);
  const lines = Array.from({ length: BATCH * STEPS }, (_, i) =>
    JSON.stringify({ id: `pair-${i}`, prompt: `After ${i}:`, chosen: ` ${i + 1}`, rejected: ` ${i}` }),
  );
  for (let i = 0; i < BAD; i++) lines.splice(5 * i, 0, '[]');
  await writeFile(data, lines.map((line) => `${line}\n`).join(''));
  await writeFile(config, JSON.stringify(SETTINGS));
  return { folder, model, data, config };
}

describeKafka('the lineage of a run over Kafka that was killed and resumed', () => {
  const prefix = `lineage-${process.pid}-`;
  const topics = topicsWithPrefix(prefix);
  let broker: TestBroker;
  let place: RunPlace;
  let adapter: Buffer;
  beforeAll(async () => {
    broker = await startKafka();
    place = await workplace();
    adapter = await trainOverKafka(broker, place, { prefix, killAfterStep: 5, checkpointEvery: 3 });
  });
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
  });

  const checkpoints = () => join(place.folder, 'state/checkpoints');

  async function run(command: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
    const where = ['--brokers', broker.brokers.join(','), '--topic-prefix', prefix, '--checkpoints', checkpoints()];
    await using child = new ServiceProcess([command, ...where, ...args]);
    const code = await child.exited();
    return { code, output: child.output };
  }

  async function replay(...args: string[]) {
    const out = join(await temporaryFolder(), 'out');
    return { ...(await run('replay', '--model', place.model, '--threads', '1', '--out', out, ...args)), out };
  }

  test('is clean', async () => {
    const { code, output } = await run('verify', '--json');
    expect(JSON.parse(output)).toMatchObject({
      problems: { first: [] },
      sources: [{ records: BATCH * STEPS + BAD + 1, pairs: BATCH * STEPS, deadLetters: BAD, control: 1, waiting: 0 }],
      steps: { steps: STEPS, lastStep: STEPS, waitingBatches: 0 },
      checkpoints: [3, 6, 8].map((step) => ({ step })),
    });
    expect(code).toBe(0);
  });

  test('leads from a pair to its step, and from a step to its pairs', async () => {
    const [found] = JSON.parse((await run('lineage', '--pair', 'pair-17', '--json')).output);
    expect(found).toMatchObject({ kind: 'pair', id: 'pair-17', step: { step: 5 }, batch: { position: 1 } });
    const step = JSON.parse((await run('lineage', '--step', '5', '--json')).output);
    expect(step.pairs[1]).toMatchObject({ id: 'pair-17', source: found.source });
    expect(step.batch.offset).toBe(found.batch.offset);
  });

  test('gives the weights of the run again', async () => {
    const { code, output, out } = await replay('--step', `${STEPS}`, '--from-start');
    expect([code, output]).toEqual([0, expect.stringContaining(`step ${STEPS} matches the published digest`)]);
    expect((await readFile(join(out, 'adapter/adapter_model.safetensors'))).equals(adapter)).toBe(true);
    expect((await replay('--step', '7')).output).toContain('from the checkpoint of step 6: 1 steps');
  });

  test('is broken where a batch and a step are doubled', async () => {
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
    const again = async (topic: string, at: number) => {
      const record = (await recordsOf(log, topic)).at(at) as LogRecord;
      await log.append([{ topic, partition: 0, value: record.value as Uint8Array, headers: record.headers }]);
    };
    await again(topics.preferenceBatches, 2);
    await again(topics.trainingSteps, 2);
    const { code, output } = await run('verify', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(output).problems.counts).toEqual({ BATCH_RANGES_OVERLAP: 1, PAIR_REPEATED: 1, STEP_REPEATED: 1 });
  });

  test('cannot be replayed, nor the run resumed, from batches that are gone', async () => {
    await deleteRecordsBefore(broker.brokers, topics.preferenceBatches, 2n);
    const { code, output } = await replay('--step', '2', '--from-start', '--config', place.config);
    expect([code, output]).toEqual([1, expect.stringMatching(/continues from offset 0 of .*, which begins at 2/)]);
  });

  test('is refused by an optimizer where no checkpoint is intact and the first batches are gone', async () => {
    const other = `${prefix}cut-`;
    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
    const batches = topicsWithPrefix(other).preferenceBatches;
    await log.ensureTopics([{ name: batches, partitions: 1, retentionMs: 'forever' }]);
    await log.append([1, 2, 3].map(() => ({ topic: batches, partition: 0, value: 'x' })));
    await deleteRecordsBefore(broker.brokers, batches, 2n);
    for (const name of await checkpointsIn(checkpoints())) await rm(join(checkpoints(), name, 'manifest.json'));
    await using optimizer = new ServiceProcess([
      ...['serve', 'optimizer', '--model', place.model, '--run', place.config, '--brokers', broker.brokers.join(',')],
      ...['--topic-prefix', other, '--address', '127.0.0.1:0', '--scorers', '127.0.0.1:1'],
      ...['--folder', join(place.folder, 'state')],
    ]);
    expect(await optimizer.exited()).not.toBe(0);
    expect(optimizer.events.filter(({ event }) => event === 'checkpoint.damaged')).toHaveLength(3);
    expect(optimizer.events).toContainEqual(expect.objectContaining({ event: 'checkpoint.none-intact' }));
    expect(JSON.stringify(optimizer.events) + optimizer.output).toContain('LEDGER_CUT_OFF');
  });
});
