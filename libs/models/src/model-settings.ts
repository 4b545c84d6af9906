import { REFERENCE_OBJECTIVES } from '@alphapo/contracts';
import type { Settings } from '@alphapo/settings';
import { z } from 'zod';

/** The model that a service works with. */
export const modelSettings = {
  model: {
    schema: z.string(),
    description: 'Hugging Face model folder',
    placeholder: 'folder',
    variable: 'ALPHAPO_MODEL',
  },
} as const satisfies Settings;

/** The model that objectives compare with. */
export const referenceModelSettings = {
  referenceModel: {
    schema: z.string().optional(),
    description: `folder of the reference model of ${REFERENCE_OBJECTIVES}, the same for optimizer and scorers (default: the model)`,
    placeholder: 'folder',
    variable: 'ALPHAPO_REFERENCE_MODEL',
  },
} as const satisfies Settings;
