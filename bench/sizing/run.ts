import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '@alphapo/base';
import { type RunSettings, resolveRunSpecification, runSettingsSchema } from '@alphapo/contracts';
import { ModelFolder, planMemory } from '@alphapo/engine';
import { defaultLoraTargets, freshLora, readModelDefinition, runFacts } from '@alphapo/models';
import { freePort } from '../../test/support/free-port.ts';
import { processMemoryMb } from '../../test/support/process-memory.ts';
import { ServiceProcess } from '../../test/support/processes.ts';
import { bytesOf, type SizedModel } from './models.ts';

/** Resident memory of a service, its own processes included. */
interface ServiceMemory {
  /** Started, and asked for nothing yet. */
  readonly restMb: number;
  readonly peakMb: number;
}

export interface RunSize {
  readonly method: 'lora' | 'full';
  readonly shards: number;
  readonly modelParameters: number;
  readonly trainedParameters: number;
  /** What `alphapo plan` says of scorer and optimizer together, for the longest pairs. */
  readonly plannedMb: number;
  readonly memory: Readonly<Record<'scorer' | 'optimizer', ServiceMemory>>;
  readonly checkpointBytes: number;
}

const STEPS = 3;
const BATCH = 8;
/** Tokens of a pair's parts, about as long as the HH pairs are. */
const PAIR = { prompt: 150, response: 120 };
const LENGTHS = { maxLength: 1024, maxPromptLength: 512 };
const LORA_RANK = 16;
/** What a start leaves behind is given back by then. */
const REST_MS = 3_000;

/** Trains for some steps with one scorer, each service a process of its own, and measures them. */
export async function measureRun(
  folder: string,
  model: SizedModel,
  {
    method,
    shards,
    threads,
  }: { readonly method: RunSize['method']; readonly shards: number; readonly threads: number },
): Promise<RunSize> {
  await mkdir(folder);
  const [config, data, log] = ['run.yaml', 'pairs.jsonl', 'log.sqlite'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const settings = { steps: STEPS, batchSize: BATCH, shards, full: method === 'full', loraRank: LORA_RANK, ...LENGTHS };
  await writeFile(config, JSON.stringify(settings));
  await writeFile(data, randomPairs(STEPS * BATCH));
  const [ofModel, ofRun] = [
    ['--model', model.folder],
    ['--config', config, '--log', log],
  ];
  const optimizerAddress = `127.0.0.1:${await freePort()}`;
  await using tokenizer = new ServiceProcess(['serve', 'tokenizer', ...ofModel, ...ofRun, '--address', '127.0.0.1:0']);
  await using scorer = new ServiceProcess([
    ...['serve', 'scorer', ...ofModel, '--address', '127.0.0.1:0', '--threads', `${threads}`],
    ...['--optimizer', optimizerAddress],
  ]);
  await tokenizer.address();
  const state = join(folder, 'state');
  await using optimizer = new ServiceProcess([
    ...['serve', 'optimizer', ...ofModel, ...ofRun, '--address', optimizerAddress, '--folder', state],
    ...['--scorers', await scorer.address(), '--checkpoint-every', `${STEPS}`],
  ]);
  await optimizer.address();
  await sleep(REST_MS);
  const services = { scorer, optimizer };
  const rest = memoryOf(services, 'now');
  await using producer = new ServiceProcess(['produce', '--log', log, '--data', data, '--end']);
  if ((await producer.exited()) !== 0) throw new Error(`the pairs could not be sent: ${producer.output}`);
  await optimizer.event(({ event, step }) => event === 'checkpoint.written' && step === STEPS);
  const peak = memoryOf(services, 'peak');
  return {
    ...{ method, shards, modelParameters: model.parameters },
    plannedMb: (await plannedBytes(model.folder, settings)) / 1e6,
    trainedParameters: method === 'full' ? model.parameters : await loraParameters(model.folder),
    memory: {
      scorer: { restMb: rest.scorer, peakMb: peak.scorer },
      optimizer: { restMb: rest.optimizer, peakMb: peak.optimizer },
    },
    checkpointBytes: await newestCheckpointBytes(join(state, 'checkpoints')),
  };
}

function memoryOf(services: Readonly<Record<'scorer' | 'optimizer', ServiceProcess>>, when: 'now' | 'peak') {
  const of = ({ pid }: ServiceProcess) => processMemoryMb(pid as number, when);
  return { scorer: of(services.scorer), optimizer: of(services.optimizer) };
}

async function plannedBytes(folder: string, settings: Partial<RunSettings>): Promise<number> {
  const model = await ModelFolder.open(folder);
  const specification = resolveRunSpecification(runSettingsSchema.parse(settings), runFacts(model.definition, 1));
  return planMemory(model, { ...specification, device: 'cpu' }).totalBytes;
}

async function loraParameters(folder: string): Promise<number> {
  const definition = await readModelDefinition(folder);
  const factors = freshLora(definition, { rank: LORA_RANK, targets: defaultLoraTargets(definition) }, 1);
  return [...factors.values()].reduce((sum, { data }) => sum + data.length, 0);
}

async function newestCheckpointBytes(folder: string): Promise<number> {
  const newest = (await readdir(folder))
    .filter((name) => name.startsWith('step-'))
    .sort()
    .at(-1);
  if (newest === undefined) throw new Error(`${folder} has no checkpoint`);
  return bytesOf(join(folder, newest));
}

function randomPairs(count: number): string {
  const random = seededRandom(3);
  const ids = (length: number) => Array.from({ length }, () => 3 + random.below(256));
  const pair = (i: number) => ({
    ...{ id: `${i}`, prompt_ids: ids(PAIR.prompt), chosen_ids: ids(PAIR.response), rejected_ids: ids(PAIR.response) },
  });
  return Array.from({ length: count }, (_, i) => `${JSON.stringify(pair(i))}\n`).join('');
}
