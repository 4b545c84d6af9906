import type { Message, Preference } from './preference.ts';

/**
 * A preference as a record in the plainest form that `parsePreference` reads as the same preference: prompt, chosen and rejected
 * as text or messages, or token ids. An instruction that models without a chat template are given as text keeps that form.
 */
export function recordOf(preference: Preference): Readonly<Record<string, unknown>> {
  const { id, weight } = preference;
  const common = { ...(id !== undefined && { id }), ...(weight !== undefined && { weight }) };
  switch (preference.kind) {
    case 'tokens': {
      const { prompt, chosen, rejected } = preference;
      return { ...common, prompt_ids: prompt, chosen_ids: chosen, rejected_ids: rejected };
    }
    case 'text': {
      const { prompt, chosen, rejected } = preference;
      return { ...common, prompt, chosen, rejected };
    }
    case 'messages': {
      const { prompt, chosen, rejected, tools, text } = preference;
      if (text !== undefined) return { ...common, ...questionOf(prompt), chosen: text.chosen, rejected: text.rejected };
      return { ...common, prompt, chosen, rejected, ...(tools !== undefined && { tools }) };
    }
  }
}

/** What a user asks, after a system message or without one. */
function questionOf(prompt: readonly Message[]): Readonly<Record<string, unknown>> {
  const system = prompt.find(({ role }) => role === 'system');
  return { ...(system !== undefined && { system: system.content }), question: prompt.at(-1)?.content };
}
