import { topicsWithPrefix } from '@alphapo/contracts';
import { openConfiguredLog, type TopicSpecification } from '@alphapo/messaging';
import { Command } from 'commander';
import { addEnvironmentOptions, EVENT_LOG, environmentOf } from '../environment-options.ts';
import { positive } from '../numbers.ts';

const HOUR_MS = 3_600_000;

interface TopicsOptions {
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly retentionHours?: number;
}

export function topicsCommand(): Command {
  const command = new Command('topics')
    .summary('make the topics of a deployment')
    .description(
      'Make the topics of a deployment that are missing. Batches and steps are kept for ever, because a run is rebuilt from them.\nFails where a topic exists with another number of partitions.',
    )
    .option('--topic-prefix <text>', 'put before the names of all topics', '')
    .option('--partitions <n>', 'of the preferences topic', positive, 1)
    .option(
      '--retention-hours <n>',
      "how long preferences and dead letters are kept (default: the broker's)",
      positive,
    );
  return addEnvironmentOptions(command, EVENT_LOG).action((options: TopicsOptions) =>
    makeTopics(options, environmentOf(EVENT_LOG, options)),
  );
}

async function makeTopics(
  { topicPrefix, partitions, retentionHours }: TopicsOptions,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  await using log = await openConfiguredLog(environment, { clientId: 'alphapo-topics', logger: () => {} });
  const topics = topicsWithPrefix(topicPrefix);
  const retention = retentionHours === undefined ? {} : { retentionMs: retentionHours * HOUR_MS };
  const specifications: TopicSpecification[] = [
    { name: topics.preferences, partitions, ...retention },
    { name: topics.deadLetters, partitions: 1, ...retention },
    { name: topics.preferenceBatches, partitions: 1, retentionMs: 'forever' },
    { name: topics.trainingSteps, partitions: 1, retentionMs: 'forever' },
  ];
  await log.ensureTopics(specifications);
  for (const { name, partitions: count } of specifications) process.stdout.write(`${name}\t${count} partitions\n`);
}
