import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { processMemoryMb } from '../../test/support/process-memory.ts';
import { ServiceProcess } from '../../test/support/processes.ts';
import { sharedPath } from '../../test/support/shared-data.ts';
import { processorMsOfAll } from '../processor-time.ts';

/** What a tokenizer does with the HH pairs, 1.2 kB each. */
export interface TokenizerSize {
  readonly tokenizer: string;
  /** That tokenize. */
  readonly processes: number;
  readonly pairs: number;
  /** By the clock, and by the processor time of the service and its process. */
  readonly pairsPerSecond: number;
  readonly pairsPerCoreSecond: number;
  readonly restMb: number;
  readonly peakMb: number;
}

const REPEATS = 3;
const BATCH = 64;
const LENGTHS = { maxLength: 2048, maxPromptLength: 1800 };
/** What a folder of weights would say of the model; the tokenizer service reads lengths out of it, and no more. */
const CONFIG = {
  ...{ model_type: 'llama', hidden_size: 64, intermediate_size: 128, num_hidden_layers: 1, num_attention_heads: 4 },
  ...{ num_key_value_heads: 4, max_position_embeddings: 32_768, vocab_size: 152_064 },
};
const KINDS = [
  { tokenizer: 'qwen2.5', processes: 1 },
  { tokenizer: 'qwen2.5', processes: 2 },
  { tokenizer: 'mistral-7b', processes: 1 },
  { tokenizer: 'gpt2', processes: 1 },
] as const;
type Kind = (typeof KINDS)[number];

/** Measures each real tokenizer; none where the shared data is not there. */
export async function measureTokenizers(folder: string): Promise<TokenizerSize[]> {
  const packed = sharedPath('data/prefs/hh-rlhf-helpful-base-test/pairs.jsonl.gz');
  if (packed === undefined) return [];
  const lines = gunzipSync(await readFile(packed))
    .toString()
    .trimEnd();
  const data = join(folder, 'pairs.jsonl');
  await writeFile(data, Array.from({ length: REPEATS }, () => `${lines}\n`).join(''));
  const sizes: TokenizerSize[] = [];
  for (const kind of KINDS) {
    sizes.push(await measure(kind, join(folder, `${kind.tokenizer}-${kind.processes}`), data));
    console.error(JSON.stringify(sizes.at(-1)));
  }
  return sizes;
}

async function measure({ tokenizer, processes }: Kind, folder: string, data: string): Promise<TokenizerSize> {
  await makeFolder(tokenizer, folder);
  const [config, log] = [join(folder, 'run.yaml'), join(folder, 'log.sqlite')];
  await writeFile(config, JSON.stringify({ steps: 1, batchSize: BATCH, ...LENGTHS }));
  await using service = new ServiceProcess([
    ...['serve', 'tokenizer', '--model', folder, '--run', config, '--log', log, '--address', '127.0.0.1:0'],
    ...['--chat-template', 'chatml', '--max-batches-ahead', '0', '--processes', `${processes}`],
  ]);
  await service.address();
  const pid = service.pid as number;
  const restMb = processMemoryMb(pid, 'now');
  const before = processorMsOfAll(pid);
  await using producer = new ServiceProcess(['produce', '--log', log, '--data', data, '--end']);
  if ((await producer.exited()) !== 0) throw new Error(`the pairs could not be sent: ${producer.output}`);
  await service.event(({ endOfData }) => endOfData === true);
  const processorMs = processorMsOfAll(pid) - before;
  const commits = service.events.filter(({ event }) => event === 'batch.committed');
  const [first, last] = [commits[0], commits.at(-1)].map((commit) => Date.parse(`${commit?.time}`)) as [number, number];
  const pairs = commits.reduce((sum, commit) => sum + Number(commit.pairs), 0);
  return {
    ...{ tokenizer, processes, pairs, restMb, peakMb: processMemoryMb(pid, 'peak') },
    // Without the first batch: nobody saw it begin.
    pairsPerSecond: (1000 * (pairs - Number(commits[0]?.pairs))) / (last - first),
    pairsPerCoreSecond: (1000 * pairs) / processorMs,
  };
}

async function makeFolder(tokenizer: Kind['tokenizer'], folder: string): Promise<void> {
  const source = sharedPath('data/tokenizers', tokenizer) as string;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(CONFIG));
  await copyFile(join(source, 'tokenizer_config.json'), join(folder, 'tokenizer_config.json'));
  if (tokenizer !== 'qwen2.5') return copyFile(join(source, 'tokenizer.json'), join(folder, 'tokenizer.json'));
  // It is stored packed.
  const packed = await readFile(join(source, 'tokenizer.rebuilt.json.gz'));
  await writeFile(join(folder, 'tokenizer.json'), gunzipSync(packed));
}
