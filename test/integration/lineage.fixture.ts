import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCAL_TOPICS, type VerifyReport, verifyRun } from '@alphapo/cli';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo } from './kafka-run.ts';
import { LogFile } from './log-file.ts';

export const BATCH = 4;
export const STEPS = 6;
/** Offsets of `preferences` at which there are bad records: they come first. */
export const BAD = 3;

/** Trains a run on one machine, bad records among its data; returns its folder and the model's. */
export async function trainedRun(): Promise<{ run: string; model: string; data: string }> {
  const folder = await temporaryFolder();
  const [model, data, run] = [join(folder, 'model'), join(folder, 'pairs.jsonl'), join(folder, 'run')];
  await alphapo('init-model', model);
  const lines = Array.from({ length: BATCH * STEPS }, (_, i) =>
    JSON.stringify({ id: `pair-${i}`, prompt: `After ${i}:`, chosen: ` ${i + 1}`, rejected: ` ${i}` }),
  );
  lines.splice(5, 0, '[]', '{"id":"bad","prompt":"a","chosen":"","rejected":"b"}', '{');
  await writeFile(data, lines.map((line) => `${line}\n`).join(''));
  const settings = ['--batch-size', `${BATCH}`, '--learning-rate', '1e-2', '--lora-rank', '2', '--max-length', '64'];
  const options = ['--no-shuffle', '--threads', '1', '--checkpoint-every', '2'];
  await alphapo('train', '--model', model, '--data', data, '--out', run, ...settings, ...options);
  return { run, model, data };
}

/** A copy of a run's folder, so that it can be damaged. */
export async function copyOf(run: string): Promise<string> {
  const folder = join(await temporaryFolder(), 'run');
  await cp(run, folder, { recursive: true });
  return folder;
}

/** Changes a run's log behind the back of the log's own door. */
export function editLog(run: string, change: (file: LogFile) => void): void {
  using file = new LogFile(join(run, 'log.sqlite'));
  change(file);
}

export async function verifyFolder(run: string, problemsKept = 100): Promise<VerifyReport> {
  await using log = openEmbeddedEventLog({ path: join(run, 'log.sqlite') });
  return await verifyRun(
    { log, topics: LOCAL_TOPICS, checkpointFolder: join(run, 'checkpoints') },
    { problemsKept, signal: new AbortController().signal, onProgress: () => {} },
  );
}
