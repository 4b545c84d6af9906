import type { Settings } from '@alphapo/settings';
import { z } from 'zod';
import { CHAT_TEMPLATE_CHOICES } from './chat-template.ts';

/** How chat messages become text. */
export const chatTemplateSettings = {
  chatTemplate: {
    schema: z.string().optional(),
    description: CHAT_TEMPLATE_CHOICES,
    placeholder: 'name',
    variable: 'ALPHAPO_CHAT_TEMPLATE',
  },
} as const satisfies Settings;
