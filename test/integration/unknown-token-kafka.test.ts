import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deadLetterFromHeaders, topicsWithPrefix } from '@alphapo/contracts';
import { openKafkaEventLog, recordsToEnd } from '@alphapo/messaging';
import { describeKafka, startKafka } from '../kafka/broker.ts';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo, type RunPlace } from './kafka-run.ts';
import { LOOPBACK } from './services.fixture.ts';

const BATCH = 4;
const STEPS = 6;

/** The tokenizer has one token more than the model has embeddings, as after tokens were added without resizing the model. */
async function addTokenBeyondEmbedding(model: string): Promise<void> {
  const file = join(model, 'tokenizer_config.json');
  const config = JSON.parse(await readFile(file, 'utf8'));
  const { vocab_size: id } = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  await writeFile(file, JSON.stringify({ ...config, added_tokens_decoder: { [id]: { content: '<extra>' } } }));
}

/** Two records with a token that the model does not know, as text and as an id, among those of a run. */
async function workplace(): Promise<RunPlace> {
  const folder = await temporaryFolder();
  const [model, data, config] = [join(folder, 'model'), join(folder, 'pairs.jsonl'), join(folder, 'run.yaml')];
  await alphapo('init-model', model);
  await addTokenBeyondEmbedding(model);
  const records: object[] = Array.from({ length: BATCH * STEPS }, (_, i) => ({
    ...{ id: `pair-${i}`, prompt: `After ${i}:`, chosen: ` ${i + 1}`, rejected: ` ${i}` },
  }));
  records.splice(5, 0, { prompt: 'After 5:', chosen: ' <extra>', rejected: ' 6' });
  records.splice(9, 0, { prompt_ids: [3, 4], chosen_ids: [5, 259], rejected_ids: [6] });
  await writeFile(data, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  await writeFile(
    config,
    JSON.stringify({ learningRate: 1e-3, batchSize: BATCH, steps: STEPS, loraRank: 4, maxLength: 64 }),
  );
  return { folder, model, data, config };
}

describeKafka('records with a token that the model has no embedding for', () => {
  test('become dead letters, the run goes on to its end, and its ledger is clean', async () => {
    await using broker = await startKafka();
    const { folder, model, data, config } = await workplace();
    const prefix = `unknown-token-${process.pid}-`;
    const brokers = broker.brokers.join(',');
    const common = ['--model', model, '--run', config, '--brokers', brokers, '--topic-prefix', prefix];
    await using tokenizer = new ServiceProcess(['serve', 'tokenizer', ...common, '--address', LOOPBACK]);
    const address = `127.0.0.1:${await freePort()}`;
    const scorerOptions = ['--address', LOOPBACK, '--threads', '1', '--optimizer', address];
    await using scorer = new ServiceProcess(['serve', 'scorer', '--model', model, ...scorerOptions]);
    const place = ['--scorers', await scorer.address(), '--folder', join(folder, 'state')];
    await using optimizer = new ServiceProcess(['serve', 'optimizer', ...common, '--address', address, ...place]);
    await tokenizer.address();
    await alphapo('produce', '--brokers', brokers, '--topic', `${prefix}preferences`, '--data', data, '--end');
    await optimizer.event(({ event }) => event === 'run.finished');

    await using log = await openKafkaEventLog({ brokers: broker.brokers, clientId: 'test' });
    const letters = await Array.fromAsync(recordsToEnd(log, topicsWithPrefix(prefix).deadLetters, 0));
    expect(letters.map(({ headers }) => deadLetterFromHeaders(headers))).toMatchObject([
      {
        reason: 'UNKNOWN_TOKEN',
        message: expect.stringMatching(/259 \("<extra>"\).* vocabulary size 259/),
        offset: 5n,
      },
      {
        reason: 'UNKNOWN_TOKEN',
        message: expect.stringMatching(/259 \("<extra>"\).* vocabulary size 259/),
        offset: 9n,
      },
    ]);
    const checkpoints = join(folder, 'state/checkpoints');
    const where = ['--brokers', brokers, '--topic-prefix', prefix, '--checkpoints', checkpoints];
    await using verify = new ServiceProcess(['verify', ...where, '--json']);
    expect(await verify.exited()).toBe(0);
    expect(JSON.parse(verify.output)).toMatchObject({ verdict: 'clean', deadLetters: 2, steps: { steps: STEPS } });
  });
});
