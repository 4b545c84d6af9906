import { join } from 'node:path';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { startTokenizer } from '@alphapo/tokenizer';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { LogFile } from './log-file.ts';
import { LOOPBACK, pairs, silent, smallModel, specificationFor, topics, until } from './services.fixture.ts';
import { accountForSources } from './source-account.ts';

const BAD = '{"prompt": 1}';

test('a tokenizer whose position in the log was forgotten takes no record a second time', async () => {
  const path = join(await temporaryFolder(), 'log.sqlite');
  const model = await smallModel();
  const specification = await specificationFor(model, { maxLength: 64, maxPromptLength: 48, batchSize: 4 });
  await using log = openEmbeddedEventLog({ path });
  const put = (values: readonly string[]) =>
    log.append(values.map((value) => ({ topic: topics.preferences, partition: 0, value })));
  const config = { model, specification, address: LOOPBACK, topics, preferencesPartitions: 1, lingerMs: 200 };
  const consumeUntil = async (accounted: number) => {
    await using tokenizer = await startTokenizer(config, log, silent);
    const stop = new AbortController();
    const consuming = tokenizer.consume(stop.signal);
    await until(async () => (await log.lag(topics.tokenizerGroup, topics.preferences))[0]?.lag === 0n);
    stop.abort();
    await consuming;
    const account = await accountForSources(log, topics);
    expect(account).toMatchObject({ problems: [], waiting: 0, records: accounted });
    return account;
  };
  await log.ensureTopics([{ name: topics.preferences, partitions: 1 }]);
  // The last ones are dead letters behind the last batch.
  await put([...pairs(9).map((pair) => JSON.stringify(pair)), BAD, BAD]);
  await consumeUntil(11);
  {
    using file = new LogFile(path);
    file.forget(topics.tokenizerGroup);
  }
  await put([...pairs(4).map((pair) => JSON.stringify(pair)), BAD]);
  expect(await consumeUntil(16)).toMatchObject({ pairs: 13, deadLetters: 3 });
});
