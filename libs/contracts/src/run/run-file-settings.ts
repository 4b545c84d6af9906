import type { Settings } from '@alphapo/settings';
import { z } from 'zod';

/** The run that a service takes part in. */
export const runFileSettings = {
  run: {
    schema: z.string(),
    description: 'YAML file with the run settings; steps is required',
    placeholder: 'file',
    variable: 'ALPHAPO_RUN',
  },
} as const satisfies Settings;
