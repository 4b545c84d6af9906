import { MAX_RECORD_BYTES } from '@alphapo/base';
import { CONTROL_HEADER, END_OF_DATA, ORIGIN_HEADER } from '@alphapo/contracts';
import type { FileRecord } from '@alphapo/data';
import { eventLogSettings, type OutgoingRecord, openConfiguredLog, partitionsFor } from '@alphapo/messaging';
import type { SettingSources } from '@alphapo/settings';
import { Command } from 'commander';
import { addDataOptions, DATA_PLACES, type DataSource, type DataValues, dataSourceOf } from '../data-options.ts';
import { readPlaces } from '../data-places.ts';
import { count, positive } from '../numbers.ts';
import { addSettingOptions, sourcesOf } from '../setting-options.ts';
import { trainingOrder } from '../training/dataset.ts';

/** Records per append. */
const BATCH = 1000;

interface ProduceOptions extends DataValues {
  readonly topic: string;
  readonly data: string[];
  readonly shuffle?: boolean;
  readonly seed: number;
  readonly epochs: number;
  readonly end?: boolean;
}

export function produceCommand(): Command {
  const command = new Command('produce')
    .summary('send preference pairs to a topic')
    .description('Send preference pairs to a topic')
    .option('--topic <name>', 'topic to send to', 'preferences')
    .requiredOption('--data <files...>', DATA_PLACES)
    .option('--epochs <n>', 'number of passes over the data', positive, 1)
    .option('--shuffle', 'shuffle, differently in each epoch')
    .option('--seed <number>', 'random seed of the shuffle', count, 42)
    .option('--end', 'mark the end of the data: flushes partial batches and lets the run end');
  return addSettingOptions(addDataOptions(command), eventLogSettings).action((options: ProduceOptions) =>
    produce(options, sourcesOf(options)),
  );
}

/** Sends raw records, valid or not: the tokenizer validates them, and writes rejected ones to dead letters. */
async function produce(options: ProduceOptions, sources: SettingSources): Promise<void> {
  await using log = await openConfiguredLog(sources, { clientId: 'alphapo-produce', logger: () => {} });
  const { topic } = options;
  await log.ensureTopics([{ name: topic, partitions: await partitionsFor(log, topic, 1) }]);
  const partitions = await log.partitions(topic);
  let leftOut = 0;
  const order = recordsInOrder(options, await dataSourceOf(options), (origin) => {
    leftOut++;
    process.stderr.write(`left out ${origin}: larger than the record limit of ${MAX_RECORD_BYTES} bytes\n`);
  });
  let sent = 0;
  let batch: OutgoingRecord[] = [];
  for await (const { bytes, origin } of order) {
    batch.push({ topic, partition: sent % partitions, value: bytes, headers: { [ORIGIN_HEADER]: origin } });
    sent++;
    if (batch.length < BATCH) continue;
    await log.append(batch);
    batch = [];
  }
  if (batch.length > 0) await log.append(batch);
  if (options.end) {
    await log.append(
      Array.from({ length: partitions }, (_, partition) => ({
        topic,
        partition,
        value: new Uint8Array(),
        headers: { [CONTROL_HEADER]: END_OF_DATA },
      })),
    );
  }
  process.stderr.write(
    `sent ${sent} records to ${topic}${options.end ? ', and the end of the data' : ''}, left out ${leftOut}\n`,
  );
}

interface SourceRecord {
  readonly bytes: Uint8Array;
  readonly origin: string;
}

/** The records to send. In the files' order they are read as they are sent: files may be larger than memory. */
async function* recordsInOrder(
  { data, epochs, shuffle, seed }: ProduceOptions,
  source: DataSource,
  onLeftOut: (origin: string) => void,
): AsyncGenerator<SourceRecord> {
  if (!shuffle) {
    yield* sendable(readPlaces(data, source), onLeftOut);
    // Notes about the data are printed for the first epoch only.
    for (let epoch = 1; epoch < epochs; epoch++)
      yield* sendable(
        readPlaces(data, source, () => {}),
        () => {},
      );
    return;
  }
  const records = await Array.fromAsync(sendable(readPlaces(data, source), onLeftOut));
  yield* trainingOrder(records, records.length * epochs, { seed, shuffle });
}

/** Records within the size limit of brokers. */
async function* sendable(
  records: AsyncIterable<FileRecord>,
  onLeftOut: (origin: string) => void,
): AsyncGenerator<SourceRecord> {
  for await (const { bytes, file, line } of records) {
    const origin = `${file}:${line}`;
    if (bytes.length <= MAX_RECORD_BYTES) yield { bytes, origin };
    else onLeftOut(origin);
  }
}
