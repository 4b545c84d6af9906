import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { checkpointDigest } from './digest.ts';
import { writeShardedCheckpoint } from './sharded-writer.ts';

/** A model of four tensors, 400 kB each; `changed` is an element of the third one. */
async function model({ config = '{"a": 1, "b": 2}', changed = -1 } = {}): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), config);
  const tensors = [0, 1, 2, 3].map((i) => {
    const data = new Float32Array(100_000).fill(i);
    if (i === 2 && changed >= 0) data[changed] = 99;
    return { name: `t${i}`, dtype: 'f32', shape: [data.length], data } as const;
  });
  await writeShardedCheckpoint(folder, tensors, 1e9);
  return folder;
}

test('equal models in different folders have the same digest, whatever the white space of the configuration', async () => {
  const digest = await checkpointDigest(await model());
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await checkpointDigest(await model())).toBe(digest);
  expect(await checkpointDigest(await model({ config: '{"b":2,"a":1}' }))).toBe(digest);
});

test('another configuration, or a tensor in the middle with other weights, gives another digest', async () => {
  const digest = await checkpointDigest(await model());
  expect(await checkpointDigest(await model({ config: '{"a": 2, "b": 2}' }))).not.toBe(digest);
  expect(await checkpointDigest(await model({ changed: 0 }))).not.toBe(digest);
});

test('data outside of the sample does not count', async () => {
  expect(await checkpointDigest(await model({ changed: 50_000 }))).toBe(await checkpointDigest(await model()));
});
