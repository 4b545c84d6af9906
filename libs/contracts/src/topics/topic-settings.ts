import type { Settings } from '@alphapo/settings';
import { z } from 'zod';

/** Which topics are a run's. */
export const topicSettings = {
  topicPrefix: {
    schema: z.string().default(''),
    description: 'put before the names of all topics',
    variable: 'ALPHAPO_TOPIC_PREFIX',
  },
} as const satisfies Settings;

/** The run that a service takes part in. */
export const runFileSettings = {
  run: {
    schema: z.string(),
    description: 'YAML file with the settings of the run; steps must be among them',
    placeholder: 'file',
    variable: 'ALPHAPO_RUN',
  },
} as const satisfies Settings;
