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
    description: 'milliseconds before a partial batch is flushed; 0: only at the end of the data',
  },
  maxBatchesAhead: {
    schema: z.int().nonnegative().default(DEFAULT_MAX_BATCHES_AHEAD),
    description: 'maximum lag of the optimizer, in offsets of preference-batches; 0: no limit',
  },
  processes: {
    schema: z.int().positive().default(1),
    description: 'tokenizer processes; each uses one core and about 400 MB',
  },
  ignoreFields: {
    schema: z.array(z.string().regex(/^[^,]+$/)).default([]),
    description:
      'record fields to ignore, because they do not affect training; well-known ones (ids, scores, sources) are always ignored, and a record with any other unknown field becomes a dead letter',
  },
  partitions: {
    schema: z.int().positive().default(1),
    description: 'partitions of the preferences topic, if it has to be created',
    variable: 'ALPHAPO_PREFERENCES_PARTITIONS',
  },
  ...topicSettings,
  ...eventLogSettings,
  ...metricsSettings,
  ...rpcServerSettingsAt(50051),
} as const satisfies Settings;
