import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, type FloatTensors, sha256 } from '@alphapo/base';
import { openSafetensors } from '@alphapo/safetensors';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { someCheckpoint, someTensors } from './checkpoint.fixture.ts';
import { CheckpointStore } from './store.ts';

async function newStore() {
  const damaged: string[] = [];
  const directory = join(await temporaryFolder(), 'checkpoints');
  const onDamaged = (name: string, reason: string) => damaged.push(`${name}: ${reason}`);
  return { store: new CheckpointStore(directory, { onDamaged }), directory, damaged };
}

function bitsOf(tensors: FloatTensors) {
  return [...tensors].map(([name, { shape, data }]) => [name, shape, [...new Uint32Array(data.buffer)]]);
}

async function flipByte(file: string, offset: number): Promise<void> {
  const bytes = await readFile(file);
  const index = offset < 0 ? bytes.length + offset : offset;
  bytes[index] = (bytes[index] as number) ^ 1;
  await writeFile(file, bytes);
}

async function replaceInManifest(folder: string, from: string, to: string): Promise<void> {
  const file = join(folder, 'manifest.json');
  const text = await readFile(file, 'utf8');
  expect(text).toContain(from);
  await writeFile(file, text.replace(from, to));
}

test('an empty or absent folder has no newest checkpoint', async () => {
  const { store } = await newStore();
  expect(await store.newest()).toBeUndefined();
  expect(await store.list()).toEqual([]);
});

test('a checkpoint is read back as it was written, to the bit and in order', async () => {
  const { store } = await newStore();
  const written = someCheckpoint(12);
  expect(await store.write(written)).toBe('step-00000012');
  const read = await store.read('step-00000012');
  const { parameters, m, v, ...facts } = written;
  expect(read).toMatchObject(facts);
  expect(bitsOf(read.parameters)).toEqual(bitsOf(parameters));
  expect(bitsOf(read.m)).toEqual(bitsOf(m));
  expect(bitsOf(read.v)).toEqual(bitsOf(v));
});

test('the files are those of the layout, and the weights are plain safetensors', async () => {
  const { store, directory } = await newStore();
  await store.write(someCheckpoint(3));
  expect(await readdir(directory)).toEqual(['step-00000003']);
  const folder = join(directory, 'step-00000003');
  expect((await readdir(folder)).sort()).toEqual(['manifest.json', 'moments.safetensors', 'weights.safetensors']);
  expect([...(await openSafetensors(join(folder, 'weights.safetensors'))).tensors.keys()]).toEqual(['z', 'a', 'm']);
});

test('checkpoints are listed by step, and the newest is the one with the highest', async () => {
  const { store } = await newStore();
  for (const step of [100, 9, 100_000_000]) await store.write(someCheckpoint(step));
  expect((await store.list()).map(({ step }) => step)).toEqual([9, 100, 100_000_000]);
  expect((await store.newest())?.step).toBe(100_000_000);
});

test('writing the same checkpoint again changes nothing', async () => {
  const { store, directory } = await newStore();
  await store.write(someCheckpoint(1));
  const before = await readFile(join(directory, 'step-00000001', 'manifest.json'));
  await store.write(someCheckpoint(1));
  expect(await readFile(join(directory, 'step-00000001', 'manifest.json'))).toEqual(before);
  expect(await readdir(directory)).toEqual(['step-00000001']);
});

test('another checkpoint of the same step is refused, and the first one stays', async () => {
  const { store, directory } = await newStore();
  await store.write(someCheckpoint(1));
  const other = someCheckpoint(1, { m: someTensors(99) });
  await expect(store.write(other)).rejects.toMatchObject({ code: 'already-exists', reason: 'CHECKPOINT_CONFLICT' });
  expect(await readdir(directory)).toEqual(['step-00000001']);
  expect(bitsOf((await store.read('step-00000001')).m)).toEqual(bitsOf(someCheckpoint(1).m));
});

test.each<[string, (folder: string) => Promise<void>]>([
  ['a changed bit in the weights', (folder) => flipByte(join(folder, 'weights.safetensors'), -1)],
  ['a changed bit in the moments', (folder) => flipByte(join(folder, 'moments.safetensors'), 20)],
  ['truncated moments', (folder) => truncate(join(folder, 'moments.safetensors'), 100)],
  ['missing weights', (folder) => rm(join(folder, 'weights.safetensors'))],
  ['a missing manifest', (folder) => rm(join(folder, 'manifest.json'))],
  ['a changed digit in the manifest', (folder) => replaceInManifest(folder, '"adamStep": 2', '"adamStep": 3')],
  [
    'another policy in the manifest',
    (folder) => replaceInManifest(folder, '"policyDigest": "sha256:', '"policyDigest": "sha256:0'),
  ],
  ['an empty manifest', (folder) => truncate(join(folder, 'manifest.json'), 0)],
  ['a cut manifest', (folder) => truncate(join(folder, 'manifest.json'), 300)],
])('with %s a checkpoint is skipped and reported, replaced when written again', async (_damage, damage) => {
  const { store, directory, damaged } = await newStore();
  await store.write(someCheckpoint(1));
  await store.write(someCheckpoint(2));
  await damage(join(directory, 'step-00000002'));
  expect((await store.newest())?.step).toBe(1);
  expect(damaged).toEqual([expect.stringContaining('step-00000002: ')]);
  await expect(store.read('step-00000002')).rejects.toMatchObject({ code: 'data-loss', reason: 'CHECKPOINT_DAMAGED' });
  await store.write(someCheckpoint(2));
  expect((await store.newest())?.step).toBe(2);
});

test('the message names the file, and what was expected in it', async () => {
  const { store, directory, damaged } = await newStore();
  const folder = join(directory, await store.write(someCheckpoint(1)));
  const weights = join(folder, 'weights.safetensors');
  const expected = sha256(await readFile(weights));
  await flipByte(weights, -1);
  expect(await store.newest()).toBeUndefined();
  expect(damaged).toEqual([
    `step-00000001: ${weights}: its digest is ${sha256(await readFile(weights))} instead of ${expected}; remove the checkpoint; the run continues from an older one or from the ledger`,
  ]);
});

test('a checkpoint in the folder of another step is damage', async () => {
  const { store, directory, damaged } = await newStore();
  await store.write(someCheckpoint(1));
  await rename(join(directory, 'step-00000001'), join(directory, 'step-00000009'));
  expect(await store.newest()).toBeUndefined();
  expect(damaged).toEqual([expect.stringContaining('manifest.json: it belongs to step 1, not to step-00000009')]);
});

test('the newest one up to a step is found', async () => {
  const { store, directory } = await newStore();
  for (const step of [2, 4, 6]) await store.write(someCheckpoint(step));
  expect((await store.newest(5))?.step).toBe(4);
  await rm(join(directory, 'step-00000004', 'manifest.json'));
  expect((await store.newest(5))?.step).toBe(2);
  expect(await store.newest(1)).toBeUndefined();
});

test('what a checkpoint says of itself is read without its tensors', async () => {
  const { store, directory } = await newStore();
  for (const step of [1, 2, 3]) await store.write(someCheckpoint(step));
  await truncate(join(directory, 'step-00000002', 'weights.safetensors'), 0);
  await truncate(join(directory, 'step-00000003', 'manifest.json'), 0);
  const { parameters: _parameters, m: _m, v: _v, ...facts } = someCheckpoint(2);
  expect(await store.newestFacts()).toEqual(facts);
});

test('a changed fact in the specification does not pass its digest', async () => {
  const { store, directory } = await newStore();
  const folder = join(directory, await store.write(someCheckpoint(1)));
  await forge(folder, {}, { specificationDigest: `sha256:${'0'.repeat(64)}` });
  await expect(store.read('step-00000001')).rejects.toThrow("the specification's digest");
});

/** Changes a checkpoint's files, and the manifest so that sizes, digests and specification fit. */
async function forge(folder: string, files: Record<string, Buffer>, facts: Record<string, unknown>): Promise<void> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  for (const [name, bytes] of Object.entries(files)) {
    await writeFile(join(folder, name), bytes);
    manifest.files[name] = { size: bytes.length, digest: sha256(bytes) };
  }
  const { manifestDigest: _old, ...described } = { ...manifest, ...facts };
  const manifestDigest = sha256(canonicalJson(described));
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...described, manifestDigest }));
}

test('moments of other shapes or names than the weights are damage, whatever the digests say', async () => {
  const { store, directory } = await newStore();
  const folder = join(directory, await store.write(someCheckpoint(4)));
  const moments = (await readFile(join(folder, 'moments.safetensors'))).toString('latin1');
  for (const [from, to] of [
    ['"m.a":{"dtype":"F32","shape":[1]', '"m.a":{"dtype":"F32","shape":[ ]'],
    ['"v.z"', '"v.y"'],
  ] as const) {
    expect(moments).toContain(from);
    await forge(folder, { 'moments.safetensors': Buffer.from(moments.replace(from, to), 'latin1') }, {});
    expect(await store.newest()).toBeUndefined();
    await expect(store.read('step-00000004')).rejects.toMatchObject({
      reason: 'CHECKPOINT_DAMAGED',
      message: expect.stringContaining('of the same shape'),
    });
  }
});

test('an offset that no log has is damage', async () => {
  const { store, directory } = await newStore();
  const folder = join(directory, await store.write(someCheckpoint(4)));
  await forge(folder, {}, { nextBatchOffset: String(2n ** 63n - 1n) });
  expect((await store.newest())?.nextBatchOffset).toBe(2n ** 63n - 1n);
  for (const nextBatchOffset of [String(2n ** 63n), '9'.repeat(100_000), '-1', '', 'x']) {
    await forge(folder, {}, { nextBatchOffset });
    expect(await store.newest()).toBeUndefined();
  }
});

test('a pipe in place of a file is damage, and nothing waits for it', async () => {
  const { store, directory } = await newStore();
  const folder = join(directory, await store.write(someCheckpoint(4)));
  await forge(folder, { 'weights.safetensors': Buffer.alloc(0) }, {});
  await rm(join(folder, 'weights.safetensors'));
  execFileSync('mkfifo', [join(folder, 'weights.safetensors')]);
  await expect(store.read('step-00000004')).rejects.toThrow('it is not a regular file');
});

test('where each checkpoint is damaged there is no newest one, and each was reported', async () => {
  const { store, directory, damaged } = await newStore();
  for (const step of [1, 2]) await store.write(someCheckpoint(step));
  for (const { name } of await store.list()) await rm(join(directory, name, 'manifest.json'));
  expect(await store.newest()).toBeUndefined();
  expect(damaged).toEqual(['step-00000002', 'step-00000001'].map((name) => expect.stringContaining(name)));
});

test('a checkpoint of another version is named, and not skipped', async () => {
  const { store, directory } = await newStore();
  await store.write(someCheckpoint(1));
  await store.write(someCheckpoint(2));
  const manifest = join(directory, 'step-00000002', 'manifest.json');
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"version": 2', '"version": 3'));
  await expect(store.newest()).rejects.toMatchObject({
    code: 'failed-precondition',
    reason: 'CHECKPOINT_VERSION',
    message: expect.stringContaining('this release reads version 2'),
  });
});

test('leftovers of a crashed write are ignored by readers and cleared by the next writer', async () => {
  const { store, directory } = await newStore();
  await store.write(someCheckpoint(1));
  await cp(join(directory, 'step-00000001'), join(directory, '.tmp-crashed'), { recursive: true });
  await mkdir(join(directory, 'step-2'));
  expect((await store.newest())?.step).toBe(1);
  expect(await store.list()).toHaveLength(1);
  await new CheckpointStore(directory).write(someCheckpoint(2));
  expect((await readdir(directory)).sort()).toEqual(['step-00000001', 'step-00000002', 'step-2']);
});

test.each([
  ['moments of other tensors', { m: new Map() }],
  ['moments in another order', { v: new Map([...someTensors(1)].reverse()) }],
  ['a specification that its digest is not of', { specificationDigest: 'sha256:00' }],
  ['a negative offset', { nextBatchOffset: -1n }],
])('a checkpoint with %s is refused and leaves nothing', async (_what, overrides) => {
  const { store, directory } = await newStore();
  await expect(store.write(someCheckpoint(1, overrides))).rejects.toMatchObject({
    code: 'invalid-argument',
    reason: 'INVALID_CHECKPOINT',
  });
  expect(await readdir(directory)).toEqual([]);
});

test.each(['step-00000002', '../step-00000001', '.tmp-x', ''])('there is no checkpoint %j', async (name) => {
  const { store } = await newStore();
  await store.write(someCheckpoint(1));
  await expect(store.read(name)).rejects.toMatchObject({ code: 'not-found', reason: 'CHECKPOINT_NOT_FOUND' });
});

test('pruning keeps the newest ones', async () => {
  const { store } = await newStore();
  for (const step of [1, 2, 3, 4]) await store.write(someCheckpoint(step));
  expect(await store.prune({ newest: 2 })).toEqual(['step-00000001', 'step-00000002']);
  expect((await store.list()).map(({ step }) => step)).toEqual([3, 4]);
  expect(await store.prune({ newest: 2 })).toEqual([]);
});

test('pruning keeps those of every so many steps', async () => {
  const { store } = await newStore();
  for (const step of [2, 4, 5, 6, 8, 10, 12]) await store.write(someCheckpoint(step));
  await store.prune({ newest: 1, everySteps: 5 });
  expect((await store.list()).map(({ step }) => step)).toEqual([5, 10, 12]);
});

test.each([{ newest: 0 }, { newest: 1.5 }, { newest: 1, everySteps: 0 }])(
  'pruning to %j is refused',
  async (retention) => {
    const { store } = await newStore();
    await store.write(someCheckpoint(1));
    await expect(store.prune(retention)).rejects.toMatchObject({ code: 'invalid-argument', reason: 'INVALID_KEEP' });
  },
);

test('pruning never removes the newest intact checkpoint', async () => {
  const { store, directory } = await newStore();
  for (const step of [1, 2, 3]) await store.write(someCheckpoint(step));
  await rm(join(directory, 'step-00000003', 'weights.safetensors'));
  expect(await store.prune({ newest: 1 })).toEqual(['step-00000001']);
  expect((await store.newest())?.step).toBe(2);
});
