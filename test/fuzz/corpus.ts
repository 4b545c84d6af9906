import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { canonicalJson, floatTensor, sha256 } from '@alphapo/base';
import { CheckpointStore, writeAdapter } from '@alphapo/checkpoints';
import { writeSafetensors, writeShardedCheckpoint } from '@alphapo/safetensors';
import { writeByteTokenizer } from '@alphapo/tokenization';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { someCheckpoint } from '../../libs/checkpoints/src/checkpoint.fixture.ts';
import { sharedPath } from '../support/shared-data.ts';
import type { FolderImage } from './mutations.ts';
import type { ReaderName } from './readers.ts';
import { batchFile, requestFiles } from './service-corpus.ts';

/** Good folders that mutations start from: small ones made here and, where the shared data is there, real ones. */

/** Real files above this are left out: mutations would hardly ever hit what matters in them. */
const LARGEST_FILE = 2 ** 21;
const RECORDS_OF_A_FILE = 4;
const PREFS = 'data/prefs';

export const corpus: Readonly<Record<ReaderName, () => Promise<readonly FolderImage[]>>> = {
  safetensors: async () => [
    await made((folder) => writeSafetensors(join(folder, 'model.safetensors'), someTensors(), { format: 'pt' })),
    ...(await real(['model.safetensors'], 'data/models/stories260K/hf', ...goldenModels())),
  ],
  'model-folder': async () => [
    await made(async (folder) => {
      await writeShardedCheckpoint(folder, someTensors(), 30);
      await writeFile(join(folder, 'config.json'), JSON.stringify(LLAMA));
    }),
    ...(await real(['config.json', 'model.safetensors'], ...goldenModels())),
  ],
  config: async () => [
    ...[LLAMA, { ...LLAMA, model_type: 'mistral', sliding_window: 8, head_dim: 16 }, GPT2, LLAMA3].map((config) =>
      imageOf({ 'config.json': JSON.stringify(config, undefined, 2) }),
    ),
    ...(await real(['config.json'], 'data/models/stories260K/hf', ...goldenModels())),
  ],
  'records-jsonl': async () => {
    const lines = (records: readonly string[]) => records.map((record) => `${record}\n`).join('');
    const all = [FORMS.map((form) => JSON.stringify(form)), ...(await realRecords())].map(lines);
    return all.flatMap((text) => [imageOf({ 'pairs.jsonl': text }), imageOf({ 'pairs.jsonl': gzipSync(text) })]);
  },
  'records-json': async () => {
    const all = [FORMS.map((form) => JSON.stringify(form)), ...(await realRecords())];
    const texts = [
      ...all.map((records) => `[${records.join(',\n')}]`),
      `{"train":[${all[0]?.join()}],"test":[]}`,
      ...(all[0] ?? []),
    ];
    return texts.flatMap((text) => [imageOf({ 'pairs.json': text }), imageOf({ 'pairs.json': gzipSync(text) })]);
  },
  'records-csv': async () => {
    const texts = [',', ';'].map((separator) => tableOf(PLAIN, separator));
    return texts.flatMap((text) => [imageOf({ 'pairs.csv': text }), imageOf({ 'pairs.csv': zstdCompressSync(text) })]);
  },
  'records-parquet': async () => {
    const [plain, snappy] = (['UNCOMPRESSED', 'SNAPPY'] as const).map((codec) => Buffer.from(parquetOf(PLAIN, codec)));
    return [plain, snappy, gzipSync(plain ?? '')].map((bytes) => imageOf({ 'pairs.parquet': bytes as Uint8Array }));
  },
  'data-set': async () => {
    const lines = FORMS.slice(0, 2).map((form) => `${JSON.stringify(form)}\n`);
    const files = { 'train.jsonl': lines.join(''), 'test.csv': tableOf(PLAIN, ',') };
    return ['data_files: train.jsonl', 'data_files: [{split: test, path: "*.csv"}]', 'data_dir: "."'].map((config) =>
      imageOf({ ...files, 'README.md': `---\nconfigs:\n- config_name: default\n  ${config}\n---\n` }),
    );
  },
  adapter: async () => [
    await made((folder) =>
      writeAdapter(folder, {
        method: { kind: 'lora', rank: 2, alpha: 4, targets: ['q_proj', 'v_proj'] },
        tensors: new Map(
          ['q_proj', 'v_proj'].flatMap((module) => [
            [`base_model.model.model.layers.0.${module}.lora_A.weight`, floatTensor([2, 3])],
            [`base_model.model.model.layers.0.${module}.lora_B.weight`, floatTensor([5, 2])],
          ]),
        ),
        baseModelPath: 'org/model',
        weightLayout: 'linear',
      }),
    ),
    ...(await real(['adapter_config.json', 'adapter_model.safetensors'], 'golden/train/lora_fresh.adapter')),
  ],
  checkpoint: async () => [
    await made(async (folder) => {
      const name = await new CheckpointStore(join(folder, 'store')).write(someCheckpoint(3));
      for (const file of await readdir(join(folder, 'store', name))) {
        await writeFile(join(folder, file), await readFile(join(folder, 'store', name, file)));
      }
      await rm(join(folder, 'store'), { recursive: true });
    }),
  ],
  tokenizer: async () => [
    await made(writeByteTokenizer),
    ...(await real(['tokenizer.json', 'tokenizer_config.json'], 'data/models/stories260K/hf')),
  ],
  settings: async () => [
    imageOf({ 'run.yaml': 'objective: simpo\nlearning-rate: 5e-6\nlora-targets: [q_proj, v_proj]\nsteps: 10\n' }),
    imageOf({ 'run.yaml': JSON.stringify({ objective: 'alphapo', alpha: 0.25, 'batch-size': 8, epochs: 2 }) }),
  ],
  requests: async () => requestFiles().map(imageOf),
  batches: async () => [imageOf(await batchFile())],
};

/**
 * Makes checksums right again after mutations, so that readers look further than these: a manifest's digests of its
 * specification, of files and of itself. Anything else stays as it is.
 */
export function withRightChecksums(files: FolderImage): FolderImage {
  const manifest = files.get('manifest.json');
  if (manifest === undefined) return files;
  try {
    const parsed = JSON.parse(Buffer.from(manifest).toString());
    for (const [name, file] of Object.entries<Record<string, unknown>>(parsed.files)) {
      const bytes = files.get(name);
      if (bytes !== undefined) Object.assign(file, { size: bytes.length, digest: sha256(bytes) });
    }
    parsed.specificationDigest = sha256(canonicalJson(parsed.specification));
    const { manifestDigest: _old, ...described } = parsed;
    const whole = { ...described, manifestDigest: sha256(canonicalJson(described)) };
    return new Map([...files, ['manifest.json', Buffer.from(JSON.stringify(whole))]]);
  } catch {
    return files;
  }
}

function imageOf(files: Readonly<Record<string, string | Uint8Array>>): FolderImage {
  return new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content as string)]));
}

/** The files that a function writes into a folder. */
async function made(write: (folder: string) => Promise<unknown>): Promise<FolderImage> {
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-corpus-'));
  try {
    await mkdir(folder, { recursive: true });
    await write(folder);
    return await read(folder, await readdir(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function read(folder: string, names: readonly string[]): Promise<FolderImage> {
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)));
}

/** Files of shared folders, without those that are absent or large. */
async function real(names: readonly string[], ...folders: readonly string[]): Promise<FolderImage[]> {
  const images: FolderImage[] = [];
  for (const folder of folders) {
    const path = sharedPath(folder);
    if (path === undefined) continue;
    const sizes = await Promise.all(
      names.map((name) =>
        stat(join(path, name)).then(
          ({ size }) => size,
          () => Infinity,
        ),
      ),
    );
    if (sizes.every((size) => size <= LARGEST_FILE)) images.push(await read(path, names));
  }
  return images;
}

function goldenModels(): string[] {
  const families = ['gemma2', 'gpt2', 'llama', 'llama3-rope', 'mistral', 'phi3', 'qwen2', 'qwen3'];
  return families.map((family) => `golden/models/${family}`);
}

/** The first records of each file of published preference data. */
async function realRecords(): Promise<string[][]> {
  const files = [
    'hh-rlhf-helpful-base-test/implicit.jsonl.gz',
    'oasst1-en/pairs-validation.jsonl.gz',
    'llamafactory-demos/v1_dpo_demo.jsonl',
    'ultrafeedback-binarized-sample/eval_clean.jsonl.gz',
  ];
  const texts: string[][] = [];
  for (const file of files) {
    const path = sharedPath(PREFS, file);
    if (path === undefined) continue;
    const bytes = await readFile(path);
    const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
    texts.push(text.split('\n').slice(0, RECORDS_OF_A_FILE));
  }
  return texts;
}

function someTensors() {
  const tensors: [string, 'f64' | 'f32' | 'f16' | 'bf16' | 'i64' | 'bool', number[], ArrayBufferView][] = [
    ['a', 'f32', [2, 3], new Float32Array(6)],
    ['b', 'f16', [4], new Uint16Array(4)],
    ['c', 'bf16', [2, 2], new Uint16Array(4)],
    ['d', 'f64', [3], new Float64Array(3)],
    ['e', 'i64', [1], new BigInt64Array(1)],
    ['f', 'bool', [5], new Uint8Array(5)],
    ['empty', 'f32', [0, 7], new Float32Array(0)],
    ['scalar', 'f32', [], new Float32Array(1)],
  ];
  return tensors.map(([name, dtype, shape, data]) => ({ name, dtype, shape, data }));
}

const LLAMA = {
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
};

const LLAMA3 = {
  ...LLAMA,
  rope_theta: undefined,
  rope_parameters: {
    rope_type: 'llama3',
    rope_theta: 500000,
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 64,
  },
};

const GPT2 = {
  model_type: 'gpt2',
  vocab_size: 100,
  n_embd: 32,
  n_head: 4,
  n_layer: 2,
  n_positions: 64,
  activation_function: 'gelu_new',
};

const user = { role: 'user', content: 'Which is larger?' };
const [good, bad] = ['The second one.', 'The first one.'].map((content) => ({ role: 'assistant', content }));

/** A record of every form. */
const FORMS = [
  { id: 1, prompt: 'Count: 1', chosen: ' 2', rejected: ' 1' },
  { prompt: [user], chosen: [good], rejected: [bad] },
  { prompt: user, chosen: good, rejected: 'None.' },
  { chosen: [user, good], rejected: [user, bad], prompt_id: 'p' },
  { chosen: '\n\nHuman: Hi\n\nAssistant: Hello!', rejected: '\n\nHuman: Hi\n\nAssistant: Go away.' },
  { chosen_messages: [user, good], rejected_messages: [user, bad] },
  { conversations: [{ from: 'human', value: 'Hi' }], chosen: { from: 'gpt', value: 'Hello' }, rejected: 'Bye' },
  { instruction: 'Add', input: '1 + 1', chosen: '2', rejected: '3' },
  { system: 'Be brief.', question: 'How many?', chosen: 'Two', rejected: 'Many', weight: 0.5, source: 'web' },
  { history: [['Hi', 'Hello']], messages: [user], chosen: JSON.stringify([good]), rejected: JSON.stringify([bad]) },
  {
    input: { messages: [user], tools: [{ function: { name: 'f' } }], parallel_tool_calls: true },
    preferred_output: [{ role: 'assistant', content: null, tool_calls: [{ function: { name: 'f', arguments: {} } }] }],
    non_preferred_output: [{ role: 'Assistant', content: 'No.', reasoning_content: 'A guess.' }],
  },
  { text: ['a b', 'a c'], score: [0.25, 1] },
  { prompt_ids: [1, 2], chosen_ids: [3], rejected_ids: [4, 5] },
  { prompt: [{ role: 'system', content: [{ type: 'text', text: 'Be brief.' }] }, user], chosen: 'Yes', rejected: 'No' },
];

/** Rows of a table. */
const PLAIN = [
  { id: '1', prompt: 'Count: 1', chosen: ' 2', rejected: ' 1' },
  { id: '2', prompt: 'Say "hi",\nplease', chosen: 'hi', rejected: 'no' },
  { id: '3', prompt: 'Größer?', chosen: 'ja', rejected: 'nein' },
];

type Row = (typeof PLAIN)[number];
const COLUMNS: readonly (keyof Row)[] = ['id', 'prompt', 'chosen', 'rejected'];

function tableOf(rows: readonly Row[], separator: string): string {
  const cells = rows.map((row) => COLUMNS.map((name) => `"${row[name].replaceAll('"', '""')}"`).join(separator));
  return [COLUMNS.join(separator), ...cells].join('\n');
}

function parquetOf(rows: readonly Row[], codec: 'UNCOMPRESSED' | 'SNAPPY'): ArrayBuffer {
  const columnData = COLUMNS.map((name) => ({ name, data: rows.map((row) => row[name]), type: 'STRING' as const }));
  return parquetWriteBuffer({ codec, rowGroupSize: 2, columnData });
}
