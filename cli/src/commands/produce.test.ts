import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONTROL_HEADER, END_OF_DATA } from '@alphapo/contracts';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { main } from '../main.ts';

test('records are spread over the partitions of a topic, and each of them is told that the data ends', async () => {
  const folder = await temporaryFolder();
  const [path, data] = [join(folder, 'log.sqlite'), join(folder, 'pairs.jsonl')];
  await using log = openEmbeddedEventLog({ path });
  await log.ensureTopics([{ name: 'preferences', partitions: 3 }]);
  await writeFile(data, '{"a":0}\n{"a":1}\n{"a":2}\n{"a":3}\n');
  await main(['node', 'alphapo', 'produce', '--log', path, '--data', data, '--end']);
  const signal = new AbortController().signal;
  const partitions = await Promise.all(
    [0, 1, 2].map(async (partition) => {
      const records = (
        await Array.fromAsync(log.read('preferences', partition, 0n, { signal, stop: 'at-end' }))
      ).flat();
      return records.map(
        ({ value, headers }) => headers[CONTROL_HEADER] ?? new TextDecoder().decode(value as Uint8Array),
      );
    }),
  );
  expect(partitions).toEqual([
    ['{"a":0}', '{"a":3}', END_OF_DATA],
    ['{"a":1}', END_OF_DATA],
    ['{"a":2}', END_OF_DATA],
  ]);
});
