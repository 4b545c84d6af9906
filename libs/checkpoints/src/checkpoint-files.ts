import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AlphapoError, canonicalJson, type FloatTensor, type FloatTensors, sameShape } from '@alphapo/base';
import {
  openSafetensors,
  readSmallFile,
  replaceFile,
  type TensorArchive,
  type TensorToWrite,
  writeSafetensors,
} from '@alphapo/safetensors';
import type { Checkpoint, CheckpointFacts } from './checkpoint.ts';
import {
  damaged,
  describeCheckpoint,
  MANIFEST_FILE,
  type Manifest,
  MOMENTS_FILE,
  parseManifest,
  WEIGHTS_FILE,
} from './manifest.ts';

const MAX_MANIFEST_BYTES = 2 ** 20;
const METADATA = { format: 'pt' };

/** Writes the files of a checkpoint into a folder, the manifest last. Every file is flushed; the folder is the caller's. */
export async function writeCheckpointFiles(folder: string, checkpoint: Checkpoint): Promise<Manifest> {
  const { parameters, m, v } = checkpoint;
  checkMoments(checkpoint);
  const weights = await writeSafetensors(join(folder, WEIGHTS_FILE), toWrite(parameters, ''), METADATA);
  const moments = [...toWrite(m, 'm.'), ...toWrite(v, 'v.')];
  const written = await writeSafetensors(join(folder, MOMENTS_FILE), moments, METADATA);
  const manifest = describeCheckpoint(checkpoint, { [WEIGHTS_FILE]: weights, [MOMENTS_FILE]: written });
  const text = `${JSON.stringify(JSON.parse(canonicalJson(manifest)), null, 2)}\n`;
  await replaceFile(join(folder, MANIFEST_FILE), (handle) => handle.writeFile(text));
  return manifest;
}

function toWrite(tensors: FloatTensors, prefix: string): TensorToWrite[] {
  return [...tensors].map(([name, { shape, data }]) => ({ name: prefix + name, dtype: 'f32', shape, data }));
}

function checkMoments({ parameters, m, v, step }: Checkpoint): void {
  for (const moments of [m, v]) {
    const names = [...parameters.keys()];
    const same = moments.size === names.length && [...moments.keys()].every((name, i) => name === names[i]);
    if (
      !same ||
      names.some(
        (name) => !sameShape((parameters.get(name) as FloatTensor).shape, (moments.get(name) as FloatTensor).shape),
      )
    ) {
      throw new AlphapoError(
        'invalid-argument',
        'INVALID_CHECKPOINT',
        `checkpoint of step ${step}: the moments must have the names, shapes and order of the parameters`,
      );
    }
  }
}

/** Reads a manifest and compares size and digest of every file with it. Throws as `parseManifest`. */
export async function verifyCheckpointFiles(folder: string): Promise<Manifest> {
  const manifest = await readManifest(folder);
  for (const [name, { size, digest }] of Object.entries(manifest.files)) {
    const file = join(folder, name);
    const status = await stat(file).catch((cause) => {
      throw damaged(file, 'the file is missing', cause);
    });
    if (!status.isFile()) throw damaged(file, 'it is not a regular file');
    const actualSize = status.size;
    if (actualSize !== size) throw damaged(file, `it has ${actualSize} bytes instead of ${size}`);
    const actual = await fileDigest(file);
    if (actual !== digest) throw damaged(file, `its digest is ${actual} instead of ${digest}`);
  }
  return manifest;
}

async function readManifest(folder: string): Promise<Manifest> {
  const file = join(folder, MANIFEST_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readSmallFile(file, MAX_MANIFEST_BYTES);
  } catch (error) {
    const lost =
      error instanceof AlphapoError && error.code !== 'unavailable' && error.reason !== 'FILE_NOT_ACCESSIBLE';
    throw lost ? damaged(file, 'the manifest is missing or too large', error) : error;
  }
  return parseManifest(bytes, file);
}

async function fileDigest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 2 ** 22 }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) hash.update(chunk);
  });
  return `sha256:${hash.digest('hex')}`;
}

/** What a manifest says; the files with the tensors are not looked at. Throws as `parseManifest`. */
export async function readCheckpointFacts(folder: string): Promise<CheckpointFacts> {
  return factsOf(await readManifest(folder));
}

function factsOf(manifest: Manifest): CheckpointFacts {
  const { version: _version, files: _files, manifestDigest: _digest, nextBatchOffset, ...facts } = manifest;
  return { ...facts, nextBatchOffset: BigInt(nextBatchOffset) };
}

/** The checkpoint in a folder, verified. Tensors are as they were written: order, shapes and every bit. */
export async function readCheckpointFiles(folder: string): Promise<Checkpoint> {
  const facts = factsOf(await verifyCheckpointFiles(folder));
  const weights = await openSafetensors(join(folder, WEIGHTS_FILE));
  const moments = await openSafetensors(join(folder, MOMENTS_FILE));
  return {
    ...facts,
    parameters: await readTensors(weights, '', weights),
    m: await readTensors(moments, 'm.', weights),
    v: await readTensors(moments, 'v.', weights),
  };
}

/** The tensors with a prefix, which have the names, shapes and order of the weights. */
async function readTensors(archive: TensorArchive, prefix: string, weights: TensorArchive): Promise<FloatTensors> {
  const tensors = new Map<string, FloatTensor>();
  for (const { name, shape, file } of weights.tensors.values()) {
    const found = archive.tensors.get(prefix + name);
    if (found === undefined || !sameShape(found.shape, shape)) {
      throw damaged(
        file,
        `its tensor ${JSON.stringify(name)} has no ${JSON.stringify(prefix + name)} of the same shape`,
      );
    }
    tensors.set(name, { shape, data: await archive.read(prefix + name) });
  }
  return tensors;
}
