import type { Settings } from '@alphapo/settings';
import { z } from 'zod';

/** Which topics are a run's. */
export const topicSettings = {
  topicPrefix: {
    schema: z.string().default(''),
    description: 'prefix of all topic names',
    variable: 'ALPHAPO_TOPIC_PREFIX',
  },
} as const satisfies Settings;
