import { AlphapoError } from '@alphapo/base';
import type { Message } from '@alphapo/data';
import type { ChatTemplate } from './chat-template.ts';
import type { Tokenizer } from './tokenizer.ts';

/**
 * Whether the last message of a prompt is text that a chat template wrote before: it begins with a special token, or ends
 * with what the tokenizer's template invites a response with. Rendered once more, it would be a user who says template marks.
 *
 * Errors: TEMPLATE_REFUSED where other messages stand before it, because their place would be inside the text.
 */
export function wasTemplated(tokenizer: Tokenizer, prompt: readonly Message[]): boolean {
  const text = prompt.at(-1)?.content?.trim() ?? '';
  if (text === '' || !(beginsWithSpecialToken(tokenizer, text) || endsWithInvitation(tokenizer, text))) return false;
  if (prompt.length === 1) return true;
  throw new AlphapoError(
    'invalid-argument',
    'TEMPLATE_REFUSED',
    "the prompt already has the chat template's tokens; write the system message into that text",
  );
}

/** Characters that hold the longest special token. */
const LONGEST_TOKEN = 200;

function beginsWithSpecialToken(tokenizer: Tokenizer, text: string): boolean {
  const [first] = tokenizer.encode(text.slice(0, LONGEST_TOKEN), { addSpecialTokens: false });
  if (first === undefined) return false;
  const written = tokenizer.decode([first], { skipSpecialTokens: false });
  return written !== '' && text.startsWith(written) && tokenizer.decode([first], { skipSpecialTokens: true }) === '';
}

function endsWithInvitation({ chatTemplate }: Tokenizer, text: string): boolean {
  const invitation = INVITATIONS.get(chatTemplate) ?? invitationOf(chatTemplate);
  INVITATIONS.set(chatTemplate, invitation);
  return invitation !== '' && text.endsWith(invitation);
}

/** What a template writes before a response is the same for all records. */
const INVITATIONS = new WeakMap<ChatTemplate, string>();

/** Empty where the template has none, or takes no lone user's message. */
function invitationOf(chatTemplate: ChatTemplate): string {
  const message = [{ role: 'user', content: 'x' }];
  try {
    const said = chatTemplate.render(message, { addGenerationPrompt: false });
    const invited = chatTemplate.render(message, { addGenerationPrompt: true });
    return invited.startsWith(said) ? invited.slice(said.length).trim() : '';
  } catch (error) {
    if (error instanceof AlphapoError) return '';
    throw error;
  }
}
