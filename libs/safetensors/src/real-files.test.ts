import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, elementCount, seededRandom } from '@alphapo/base';
import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { openCheckpoint, openSafetensors } from './checkpoint-folder.ts';
import { checkpointDigest } from './digest.ts';
import { writeSafetensors } from './writer.ts';

const goldenModels = sharedPath('golden', 'models') ?? '';
const models = goldenModels === '' ? [] : readdirSync(goldenModels).map((name) => join(goldenModels, name));
const stories = sharedPath('data', 'models', 'stories260K', 'hf');

describeShared('files written by the reference implementation', () => {
  test('all models open, and every weight is a finite number', async () => {
    const folders = [...models, stories ?? ''];
    expect(folders.length).toBeGreaterThan(1);
    for (const folder of folders) {
      const archive = await openCheckpoint(folder);
      for (const [name, { shape }] of archive.tensors) {
        const values = await archive.read(name);
        expect(values).toHaveLength(elementCount(shape));
        expect(values.every(Number.isFinite)).toBe(true);
      }
      expect(await checkpointDigest(folder)).toMatch(/^sha256:/);
    }
  });

  test('float64 gradients are read exactly: their norm is the recorded one', async () => {
    const archive = await openSafetensors(join(goldenModels, 'llama', 'golden.safetensors'));
    const golden = JSON.parse(await readFile(join(goldenModels, 'llama', 'golden.json'), 'utf8'));
    for (const [name, norm] of Object.entries<number>(golden.gradient.tensor_norms)) {
      const gradient = await archive.readFloat64(`grad.full.${name}`);
      expect(Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0)) / norm).toBeCloseTo(1, 12);
    }
  });

  test('a copy has the same tensors, bytes and metadata', async () => {
    const archive = await openCheckpoint(join(goldenModels, 'gemma2'));
    const copy = join(await temporaryFolder(), 'copy.safetensors');
    const tensors = [...archive.tensors.values()].map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape,
      data: () => archive.readBytes(name),
    }));
    await writeSafetensors(copy, tensors, archive.files[0]?.metadata);
    const copied = await openSafetensors(copy);
    expect([...copied.tensors.keys()]).toEqual([...archive.tensors.keys()]);
    expect(copied.files[0]?.metadata).toEqual(archive.files[0]?.metadata);
    for (const name of archive.tensors.keys())
      expect(await copied.readBytes(name)).toEqual(await archive.readBytes(name));
  });

  test('a mutated file opens or is refused with one of our errors, never anything else', async () => {
    const original = await readFile(join(goldenModels, 'llama', 'model.safetensors'));
    const headerEnd = 8 + Number(original.readBigUInt64LE());
    const file = join(await temporaryFolder(), 'mutated.safetensors');
    const random = seededRandom(20_260_727);
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      await writeFile(file, mutated(original, headerEnd, random));
      const outcome = await openSafetensors(file)
        .then(async (archive) => {
          for (const name of archive.tensors.keys()) await archive.readBytes(name);
        })
        .catch((error: unknown) => error);
      if (outcome !== undefined) {
        expect(outcome).toBeInstanceOf(AlphapoError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});

/** Changes a few bytes of length field and header, or cuts the file, or repeats a part of it. */
function mutated(original: Buffer, headerEnd: number, random: ReturnType<typeof seededRandom>): Buffer {
  const bytes = Buffer.from(original);
  const kind = random.below(10);
  if (kind === 0) return bytes.subarray(0, random.below(bytes.length));
  if (kind === 1) {
    const at = random.below(headerEnd);
    const length = random.below(headerEnd - at);
    return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
  }
  if (kind === 2) bytes[random.below(8)] = random.below(256);
  const digits = Buffer.from('0123456789-"[]{}:,.eFIB');
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    bytes[8 + random.below(headerEnd - 8)] =
      kind < 6 ? random.below(256) : (digits[random.below(digits.length)] as number);
  }
  return bytes;
}
