import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, elementCount } from '@alphapo/base';
import { CheckpointStore, readAdapter } from '@alphapo/checkpoints';
import { readRunSettings, resolveRunSpecification } from '@alphapo/contracts';
import { parsePreference, readRecords, recordSchema } from '@alphapo/data';
import { readModelDefinition } from '@alphapo/models';
import { checkpointDigest, openCheckpoint, openSafetensors, type TensorArchive } from '@alphapo/safetensors';
import { openTokenizer, tokenizePreference } from '@alphapo/tokenization';
import { BATCH_FILE, FUZZED_METHODS, requestFile } from './fuzzed-methods.ts';

/**
 * What is fuzzed: readers of files that somebody else wrote. Each takes a folder and returns how it understood it, in a
 * word or two for statistics. It may refuse with an AlphapoError. A BrokenPromise says that it accepted what it should
 * not have.
 */
export type Reader = (folder: string) => Promise<string>;

export class BrokenPromise extends Error {
  override name = 'BrokenPromise';
}

function promise(kept: boolean, what: string): void {
  if (!kept) throw new BrokenPromise(what);
}

/** Longest message for a person to read; a header of Kafka or gRPC carries it, too. */
export const LONGEST_MESSAGE = 2_500;

/** Tensors of one file are at least read in full up to this size. */
const LARGEST_READ = 2 ** 22;

async function readAll(archive: TensorArchive): Promise<string> {
  for (const { name, shape, byteLength, offset, dtype, file } of archive.tensors.values()) {
    const stored = archive.files.find(({ path }) => path === file);
    promise(stored !== undefined && offset >= stored.dataOffset && offset + byteLength <= stored.size, 'in the file');
    if (byteLength > LARGEST_READ) continue;
    const bytes = await archive.readBytes(name);
    promise(bytes.length === byteLength, `${name} has its bytes`);
    if (!/^(f|bf)/.test(dtype)) continue;
    promise((await archive.read(name)).length === elementCount(shape), `${name} has its elements`);
  }
  return archive.tensors.size === 0 ? 'empty' : 'tensors';
}

async function safetensors(folder: string): Promise<string> {
  return readAll(await openSafetensors(join(folder, 'model.safetensors')));
}

async function modelFolder(folder: string): Promise<string> {
  const read = await readAll(await openCheckpoint(folder));
  const digest = await checkpointDigest(folder);
  promise(/^sha256:[0-9a-f]{64}$/.test(digest), 'a digest');
  return read;
}

async function config(folder: string): Promise<string> {
  const model = await readModelDefinition(folder);
  let total = 0;
  for (const { name, shape } of model.parameters) {
    const sound = shape.length > 0 && shape.every((size) => Number.isSafeInteger(size) && size > 0);
    promise(sound, `${name} has a shape that can be: [${shape.join(', ')}]`);
    total += elementCount(shape);
  }
  promise(Number.isSafeInteger(total), `${total} parameters can be counted`);
  promise(new Set(model.parameters.map(({ name }) => name)).size === model.parameters.length, 'names are unique');
  if (model.rotary !== undefined) {
    promise(model.rotary.inverseFrequencies.every(Number.isFinite), 'rotary frequencies are numbers');
  }
  return model.modelType;
}

/** Reasons that are documented, and no others. */
const RECORD_REASON = /^[A-Z0-9]+(_[A-Z0-9]+)*$/;

const tokenizers = new Map<string, Promise<Awaited<ReturnType<typeof openTokenizer>>>>();

/** Records are tokenized by a tokenizer that `preparePlace` put there; it is not fuzzed here. */
function tokenizerIn(folder: string): ReturnType<typeof openTokenizer> {
  const known = tokenizers.get(folder) ?? openTokenizer(join(folder, '..', '..', 'tokenizer'));
  tokenizers.set(folder, known);
  return known;
}

/** Undefined for a record with NaN or Infinity, which is read all the same. */
function standardJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function records(name: string): Reader {
  return async (folder) => {
    const tokenizer = await tokenizerIn(folder);
    const outcomes = new Set<string>();
    let last = 0;
    for await (const { bytes, file, line } of readRecords(join(folder, name))) {
      promise(file === join(folder, name) && line > last, 'a record has its place');
      last = line;
      const parsed = parsePreference(bytes);
      const made = parsed.ok
        ? tokenizePreference(tokenizer, parsed.preference, { maxLength: 512, maxPromptLength: 450 })
        : parsed;
      if (!made.ok) {
        promise(RECORD_REASON.test(made.reason), `reason ${made.reason}`);
        promise(made.message.length <= LONGEST_MESSAGE, `${made.reason}: ${made.message.length} characters of message`);
        promise((made.field?.length ?? 0) <= LONGEST_MESSAGE, `${made.reason}: a short field`);
        outcomes.add('refused');
        continue;
      }
      const value = standardJson(bytes);
      const conforms = value === undefined || recordSchema.safeParse(value).success;
      promise(conforms, `line ${line} is accepted against the schema`);
      const { prompt, chosen, rejected, id } = made.pair;
      for (const ids of [prompt, chosen, rejected]) {
        promise(ids.length > 0 && ids.every((token) => Number.isInteger(token) && token >= 0), 'token ids');
        promise(
          ids.every((token) => token < tokenizer.vocabularySize),
          'known token ids',
        );
      }
      promise(prompt.length + Math.max(chosen.length, rejected.length) <= 512, 'limits are kept');
      promise(chosen.join() !== rejected.join(), 'responses differ');
      promise((id?.length ?? 0) <= LONGEST_MESSAGE, `an id of ${id?.length} characters`);
      if (parsed.ok) outcomes.add(parsed.preference.kind);
    }
    return [...outcomes].sort().join('+');
  };
}

/** A folder in the layout of Hugging Face's data sets: what its README.md says decides which files are read. */
async function dataSet(folder: string): Promise<string> {
  const names = new Set<string>();
  for await (const { file } of readRecords(folder)) {
    promise(file.startsWith(`${folder}/`), 'a file of the folder');
    names.add(file.slice(folder.length + 1));
  }
  return [...names].sort().join('+');
}

async function adapter(folder: string): Promise<string> {
  const { rank, alpha, targets, tensors } = await readAdapter(folder);
  promise(Number.isSafeInteger(rank) && rank > 0 && Number.isFinite(alpha) && alpha > 0, 'rank and alpha');
  promise(targets.length > 0 && targets.every((target) => typeof target === 'string' && target !== ''), 'targets');
  promise(tensors.size > 0 && tensors.size % 2 === 0, 'factors in pairs');
  for (const [name, { shape, data }] of tensors) promise(elementCount(shape) === data.length, name);
  return 'adapter';
}

async function checkpoint(folder: string): Promise<string> {
  const store = new CheckpointStore(join(folder, '..'));
  const [name] = await store.list();
  if (name === undefined) return 'none';
  const { parameters, m, v, nextBatchOffset, step } = await store.read(name.name);
  promise(nextBatchOffset >= 0n && nextBatchOffset < 2n ** 63n, 'an offset that a log has');
  promise(Number.isSafeInteger(step) && step >= 0, 'a step');
  for (const [key, { shape }] of parameters) {
    const same = [m, v].every((moments) => moments.get(key)?.shape.join() === shape.join());
    promise(same, `moments are of the shape of ${JSON.stringify(key)}`);
  }
  return 'checkpoint';
}

async function tokenizer(folder: string): Promise<string> {
  const opened = await openTokenizer(folder);
  promise(Number.isSafeInteger(opened.vocabularySize), `a vocabulary of ${opened.vocabularySize}`);
  return opened.chatTemplate.source;
}

async function settings(folder: string): Promise<string> {
  const file = join(folder, 'run.yaml');
  const parsed = await readRunSettings(file);
  const facts = { maxPositions: 2048, linearLayers: ['q_proj'], parameterCount: 1e6, pairs: 100 };
  const specification = resolveRunSpecification(parsed, facts);
  promise(Number.isSafeInteger(specification.schedule.totalSteps), 'steps');
  return specification.objective.kind;
}

/** Only where they are needed: they bring the engine. They live beside the tokenizer of `preparePlace`. */
const openServices = async (folder: string) => (await import('./services.ts')).fuzzedServices(join(folder, '..', '..'));

/** The file's name is the method that its bytes are sent to. */
async function requests(folder: string): Promise<string> {
  const services = await openServices(folder);
  const [file = ''] = await readdir(folder);
  const method = FUZZED_METHODS.find((name) => file === requestFile(name));
  if (method === undefined) throw new Error(`${file} is named after no method`);
  await asRefusal(method, services.call(method, await readFile(join(folder, file))));
  return method;
}

async function batches(folder: string): Promise<string> {
  const services = await openServices(folder);
  await asRefusal('batch', services.train(await readFile(join(folder, BATCH_FILE))));
  return 'trained';
}

/** What came over a connection has no file: the place is the method and what the error says of the request. */
async function asRefusal(place: string, answer: Promise<void>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof AlphapoError)) throw error;
    promise(error.code !== 'deadline-exceeded', `${place} is answered in time`);
    const message = `${place}: ${error.message}`;
    throw new AlphapoError(error.code, error.reason, message, { metadata: { ...error.metadata }, cause: error });
  }
}

export const readers = {
  safetensors,
  'model-folder': modelFolder,
  config,
  'records-jsonl': records('pairs.jsonl'),
  'records-json': records('pairs.json'),
  'records-csv': records('pairs.csv'),
  'records-parquet': records('pairs.parquet'),
  'data-set': dataSet,
  adapter,
  checkpoint,
  tokenizer,
  settings,
  requests,
  batches,
} as const satisfies Readonly<Record<string, Reader>>;

export type ReaderName = keyof typeof readers;
