import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { topicsWithPrefix } from '@alphapo/contracts';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { type Ledger, readSteps } from '../integration/ledger.ts';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';

/** The weights that a run ended with, and those after each of its steps. */
export interface RunOutcome {
  readonly policyDigests: readonly string[];
  /** Bytes of the exported weights. */
  readonly adapter: Buffer;
}

export interface RunPlace {
  readonly folder: string;
  readonly model: string;
  readonly config: string;
}

const ADAPTER = 'adapter_model.safetensors';

/** Trains on the batches of a ledger once more, with one scorer, no broker and no fault. */
export async function rerunLedger({ folder, model, config }: RunPlace, { batches }: Ledger): Promise<RunOutcome> {
  const path = join(folder, 'ledger.sqlite');
  await using log = openEmbeddedEventLog({ path });
  const topic = topicsWithPrefix().preferenceBatches;
  await log.ensureTopics([{ name: topic, partitions: 1, retentionMs: 'forever' }]);
  await log.append(batches.map(({ record }) => ({ topic, partition: 0, value: record.value as Uint8Array })));

  const optimizerAddress = `127.0.0.1:${await freePort()}`;
  await using scorer = new ServiceProcess([
    ...['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', '1'],
    ...['--optimizer', optimizerAddress],
  ]);
  const state = join(folder, 'ledger-state');
  await using optimizer = new ServiceProcess([
    ...['serve', 'optimizer', '--model', model, '--run', config, '--log', path, '--folder', state],
    ...['--address', optimizerAddress, '--scorers', await scorer.address()],
  ]);
  await optimizer.event(({ event }) => event === 'run.finished');
  const adapter = await exportedAdapter(optimizerAddress, state);
  const steps = await readSteps(log, '');
  return { policyDigests: steps.map(({ policyDigest }) => policyDigest), adapter };
}

/** Trains on the records of a ledger from the beginning, on one machine: tokenizer and batches included. */
export async function retrainRecords({ folder, model, config }: RunPlace, ledger: Ledger): Promise<RunOutcome> {
  const [data, out] = [join(folder, 'records.jsonl'), join(folder, 'records-run')];
  await writeFile(data, Buffer.concat(ledger.preferences.flatMap(({ value }) => [value ?? NOTHING, NEWLINE])));
  await using training = new ServiceProcess([
    ...['train', '--model', model, '--data', data, '--config', config, '--out', out],
    ...['--no-shuffle', '--threads', '1'],
  ]);
  if ((await training.exited()) !== 0) throw new Error(`training on the records failed:\n${training.output}`);
  const steps = (await readFile(join(out, 'steps.jsonl'), 'utf8')).trim().split('\n');
  return {
    policyDigests: steps.map((line) => JSON.parse(line).policyDigest),
    adapter: await readFile(join(out, 'adapter', ADAPTER)),
  };
}

/** The bytes of the current policy's weights, exported below the optimizer's folder. */
export async function exportedAdapter(optimizerAddress: string, state: string): Promise<Buffer> {
  await using exporting = new ServiceProcess(['export', '--optimizer', optimizerAddress, '--name', 'last']);
  if ((await exporting.exited()) !== 0) throw new Error(`the export failed:\n${exporting.output}`);
  return readFile(join(state, 'exports/last', ADAPTER));
}

const NOTHING = new Uint8Array();
const NEWLINE = Buffer.from('\n');
