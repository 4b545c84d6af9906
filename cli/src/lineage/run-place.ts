import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { topicsWithPrefix } from '@alphapo/contracts';
import { eventLogSettings, openConfiguredLog, openEmbeddedEventLog } from '@alphapo/messaging';
import type { Command } from 'commander';
import { addSettingOptions, sourcesOf } from '../setting-options.ts';
import { LOCAL_TOPICS, LOG_FILE } from '../training/local-run.ts';
import type { RunLedger } from './verify.ts';

/** Options that say where a run's ledger and checkpoints are. */
export interface RunPlaceOptions {
  readonly run?: string;
  readonly brokers?: string;
  readonly log?: string;
  readonly topicPrefix?: string;
  readonly checkpoints?: string;
}

export function addRunPlaceOptions(command: Command): Command {
  command.option('--run <folder>', 'folder of a run on this machine (the --out of alphapo train)');
  return addSettingOptions(command, eventLogSettings)
    .option('--topic-prefix <text>', 'prefix of all topic names (ALPHAPO_TOPIC_PREFIX)')
    .option('--checkpoints <folder>', "the run's checkpoints: FOLDER/checkpoints, with the optimizer's --folder");
}

/**
 * Opens the ledger of a run; nothing is made that is not there. Errors: RUN_NOT_FOUND, INVALID_SETTING where two places
 * are named, and those of opening the log.
 */
export async function openRunLedger(options: RunPlaceOptions): Promise<RunLedger & AsyncDisposable> {
  const { run, brokers, log: file, topicPrefix } = options;
  if (run !== undefined) {
    const other = Object.entries({ brokers, log: file, 'topic-prefix': topicPrefix }).find(([, value]) => value);
    if (other !== undefined) {
      throw new AlphapoError('invalid-argument', 'INVALID_SETTING', `give --run or --${other[0]}, not both`);
    }
    const log = openEmbeddedEventLog({ path: existing(join(run, LOG_FILE), '--run') });
    return owned({ log, topics: LOCAL_TOPICS, checkpointFolder: options.checkpoints ?? join(run, 'checkpoints') });
  }
  if (file !== undefined) existing(file, '--log');
  const sources = sourcesOf(options);
  const log = await openConfiguredLog(sources, { clientId: 'alphapo-lineage', logger: () => {} });
  const topics = topicsWithPrefix(topicPrefix ?? process.env.ALPHAPO_TOPIC_PREFIX);
  const checkpointFolder = options.checkpoints;
  if (checkpointFolder !== undefined) existing(checkpointFolder, '--checkpoints');
  return owned({ log, topics, checkpointFolder });
}

const owned = (ledger: RunLedger): RunLedger & AsyncDisposable => ({
  ...ledger,
  [Symbol.asyncDispose]: () => ledger.log[Symbol.asyncDispose](),
});

function existing(path: string, option: string): string {
  if (existsSync(path)) return path;
  throw new AlphapoError('not-found', 'RUN_NOT_FOUND', `${option}: there is no ${path}`);
}
