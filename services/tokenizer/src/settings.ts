import { LONGEST_TIMER_MS } from '@alphapo/base';
import { runFileSettings, topicSettings } from '@alphapo/contracts';
import { eventLogSettings } from '@alphapo/messaging';
import { modelSettings } from '@alphapo/models';
import { rpcServerSettingsAt } from '@alphapo/rpc';
import type { Settings } from '@alphapo/settings';
import { metricsSettings } from '@alphapo/telemetry';
import { chatTemplateSettings } from '@alphapo/tokenization';
import { z } from 'zod';

const DEFAULT_LINGER_MS = 60_000;
/** Hours of training for most models, and megabytes of the topic. */
const DEFAULT_MAX_BATCHES_AHEAD = 1_000;

/** The settings of the tokenizer. */
export const tokenizerSettings = {
  ...modelSettings,
  ...runFileSettings,
  ...chatTemplateSettings,
  lingerMs: {
    schema: z.int().nonnegative().max(LONGEST_TIMER_MS).default(DEFAULT_LINGER_MS),
    description: 'milliseconds after which a batch that is not full is used as it is; 0: only at the end of the data',
  },
  maxBatchesAhead: {
    schema: z.int().nonnegative().default(DEFAULT_MAX_BATCHES_AHEAD),
    description: 'batches that wait for the optimizer, at most, counted in offsets of their topic; 0: any number',
  },
  processes: {
    schema: z.int().positive().default(1),
    description: 'processes that tokenize; each keeps a core busy and has the tokenizer in its own memory, some 400 MB',
  },
  ignoreFields: {
    schema: z.array(z.string().regex(/^[^,]+$/)).default([]),
    description:
      'fields of your records that say nothing about what is trained, and are passed over; well-known ones (ids, scores, sources) are anyway, and a record with any other unknown field becomes a dead letter',
  },
  partitions: {
    schema: z.int().positive().default(1),
    description: 'partitions of the topic of preferences, where it has to be made',
    variable: 'ALPHAPO_PREFERENCES_PARTITIONS',
  },
  ...topicSettings,
  ...eventLogSettings,
  ...metricsSettings,
  ...rpcServerSettingsAt(50051),
} as const satisfies Settings;
