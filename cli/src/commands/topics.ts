import { AlphapoError } from '@alphapo/base';
import { topicsWithPrefix } from '@alphapo/contracts';
import {
  type EventLog,
  eventLogSettings,
  openConfiguredLog,
  patiently,
  type TopicReplication,
  type TopicSpecification,
  type Waiting,
} from '@alphapo/messaging';
import type { SettingSources } from '@alphapo/settings';
import { Command } from 'commander';
import { count, positive } from '../numbers.ts';
import { addSettingOptions, sourcesOf } from '../setting-options.ts';

const HOUR_MS = 3_600_000;

interface Replication {
  readonly replicationFactor?: number;
  readonly minInsyncReplicas?: number;
}

interface TopicsOptions extends Replication {
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly retentionHours?: number;
  readonly waitSeconds: number;
}

export function topicsCommand(): Command {
  const command = new Command('topics')
    .summary('create the topics of a deployment')
    .description(
      'Create the missing topics of a deployment. Batches and steps are kept permanently, because a run is rebuilt from them.\nFails if a topic has another number of partitions; warns if one has fewer replicas.',
    )
    .option('--topic-prefix <text>', 'prefix of all topic names', '')
    .option('--partitions <n>', 'partitions of the preferences topic', positive, 1)
    .option('--retention-hours <n>', "retention of preferences and dead letters (default: the broker's)", positive)
    .option('--replication-factor <n>', "replicas of each record (default: the brokers')", positive)
    .option('--min-insync-replicas <n>', "replicas that must acknowledge a record (default: the brokers')", positive)
    .option('--wait-seconds <n>', 'time to wait for brokers that do not answer yet', count, 0);
  return addSettingOptions(command, eventLogSettings).action((options: TopicsOptions) =>
    awaitingBrokers(options.waitSeconds, () => makeTopics(options, sourcesOf(options))),
  );
}

/** Repeats work while no broker answers, for some seconds. Errors: BROKERS_AWAY with the last failure; all others of the work at once. */
async function awaitingBrokers(seconds: number, work: () => Promise<void>): Promise<void> {
  if (seconds === 0) return work();
  let last = '';
  const onWaiting = ({ error, waitedMs }: Waiting) => {
    last = error;
    process.stderr.write(`waiting for Kafka, ${Math.round(waitedMs / 1_000)} of ${seconds} s: ${error}\n`);
  };
  try {
    await patiently('making topics', work, { signal: AbortSignal.timeout(seconds * 1_000), onWaiting });
  } catch (error) {
    if (!(error instanceof AlphapoError && error.reason === 'STOPPED')) throw error;
    throw new AlphapoError('unavailable', 'BROKERS_AWAY', `waited ${seconds} s for Kafka: ${last}`, { cause: error });
  }
}

async function makeTopics(options: TopicsOptions, sources: SettingSources): Promise<void> {
  requireWritable(options);
  const { topicPrefix, partitions, retentionHours, replicationFactor, minInsyncReplicas: minInSyncReplicas } = options;
  await using log = await openConfiguredLog(sources, { clientId: 'alphapo-topics', logger: () => {} });
  const topics = topicsWithPrefix(topicPrefix);
  const replication = { replicationFactor, minInSyncReplicas };
  const retention = retentionHours === undefined ? {} : { retentionMs: retentionHours * HOUR_MS };
  const specifications: TopicSpecification[] = [
    { name: topics.preferences, partitions, ...retention, ...replication },
    { name: topics.deadLetters, partitions: 1, ...retention, ...replication },
    { name: topics.preferenceBatches, partitions: 1, retentionMs: 'forever', ...replication },
    { name: topics.trainingSteps, partitions: 1, retentionMs: 'forever', ...replication },
    { name: topics.evaluations, partitions: 1, retentionMs: 'forever', ...replication },
  ];
  await log.ensureTopics(specifications);
  for (const { name, partitions: count } of specifications) {
    process.stdout.write(`${name}\t${count} partitions\n`);
    for (const shortfall of await shortfallsOf(log, name, options)) process.stderr.write(`${name} ${shortfall}\n`);
  }
}

/** Errors: INVALID_SETTING where no record could be written to the topics. */
function requireWritable({ replicationFactor, minInsyncReplicas }: Replication): void {
  if (replicationFactor === undefined || minInsyncReplicas === undefined) return;
  if (minInsyncReplicas <= replicationFactor) return;
  throw new AlphapoError(
    'invalid-argument',
    'INVALID_SETTING',
    `min-insync-replicas: ${minInsyncReplicas} must not exceed replication-factor ${replicationFactor}`,
  );
}

/**
 * What an existing topic has less of than configured; the topic is not changed. Errors: TOPIC_NOT_WRITABLE where it
 * has fewer replicas than a record needs.
 */
async function shortfallsOf(
  log: EventLog,
  topic: string,
  { replicationFactor, minInsyncReplicas }: Replication,
): Promise<string[]> {
  if (replicationFactor === undefined && minInsyncReplicas === undefined) return [];
  const actual = await replicationOf(log, topic);
  if (actual === undefined) return ['has a replication factor that this user may not read (DescribeConfigs)'];
  const { replicas, minInSync } = actual;
  if (minInSync > replicas) {
    throw new AlphapoError(
      'failed-precondition',
      'TOPIC_NOT_WRITABLE',
      `topic "${topic}" has min.insync.replicas=${minInSync} and replication factor ${replicas}, so nothing can be written to it: lower min.insync.replicas (kafka-configs.sh --alter) or raise the replication factor (kafka-reassign-partitions.sh)`,
      { metadata: { topic } },
    );
  }
  return [
    replicas < (replicationFactor ?? 0) &&
      `exists with replication factor ${replicas}, less than ${replicationFactor}; kafka-reassign-partitions.sh raises it`,
    minInSync < (minInsyncReplicas ?? 0) &&
      `exists with min.insync.replicas=${minInSync}, less than ${minInsyncReplicas}; kafka-configs.sh --alter raises it`,
  ].filter((shortfall) => shortfall !== false);
}

/** Undefined where it may not be read. */
async function replicationOf(log: EventLog, topic: string): Promise<TopicReplication | undefined> {
  try {
    return await log.replication(topic);
  } catch (error) {
    if (error instanceof AlphapoError && error.reason === 'KAFKA_REFUSED') return undefined;
    throw error;
  }
}
