import type { Message } from '@alphapo/data';
import type { ChatTemplate } from './chat-template.ts';

/**
 * A chat template as the texts between the contents of its messages, for programs that cannot evaluate Jinja. A conversation is
 *
 *     start user answer₁ assistant nextUser user … user end                       without a system message
 *     systemStart system systemEnd user answer₁ assistant nextUser user … user end  with one
 *
 * where a `user` that is answered is followed by `answer`, and the last one by `end`, which invites to respond.
 */
export interface Turns {
  /** Before the first user message where there is no system message; a default system message is in here. */
  readonly start: string;
  /** Around the system message, up to the first user message; undefined where the template takes none. */
  readonly system: { readonly start: string; readonly end: string } | undefined;
  /** Between a user message and its response. */
  readonly answer: string;
  /** Between a response and the next user message. */
  readonly nextUser: string;
  /** After the last user message. */
  readonly end: string;
  /** Whether the template removes white space around messages. */
  readonly trims: boolean;
}

/** The texts of a template, or the conversation that it renders in another way than they say. */
export type TurnsResult =
  | { readonly kind: 'turns'; readonly turns: Turns }
  | { readonly kind: 'irregular'; readonly example: string };

/**
 * Finds the texts by rendering conversations of known contents, and checks them on others. Templates that depend on what messages say, or
 * on where they stand, are irregular. Tools and reasoning are not looked at.
 */
export function turnsOf(template: ChatTemplate): TurnsResult {
  const single = render(template, [user('⟦u1⟧')]);
  const several = render(template, [user('⟦u1⟧'), assistant('⟦a1⟧'), user('⟦u2⟧')]);
  const [start, end] = single?.split('⟦u1⟧') ?? [];
  const [, answer, nextUser] = several?.split(/⟦u1⟧|⟦a1⟧|⟦u2⟧/) ?? [];
  if (start === undefined || end === undefined || answer === undefined || nextUser === undefined) {
    return irregular([user('⟦u1⟧'), assistant('⟦a1⟧'), user('⟦u2⟧')]);
  }
  const turns: Turns = {
    ...{ start, end, answer, nextUser },
    system: systemOf(template, end),
    trims: render(template, [user('  ⟦u1⟧\n')]) === single,
  };
  const differing = CONVERSATIONS.find((messages) => {
    if (messages[0]?.role === 'system' && turns.system === undefined) return false;
    return render(template, messages) !== written(turns, messages);
  });
  return differing === undefined ? { kind: 'turns', turns } : irregular(differing);
}

function systemOf(template: ChatTemplate, end: string): Turns['system'] {
  const text = render(template, [system('⟦s⟧'), user('⟦u1⟧')]);
  const [start, between, rest] = text?.split(/⟦s⟧|⟦u1⟧/) ?? [];
  return start === undefined || between === undefined || rest !== end ? undefined : { start, end: between };
}

/** What the texts say a conversation is, which ends with a user message. */
function written(turns: Turns, messages: readonly Message[]): string {
  const { start, answer, nextUser, end } = turns;
  let text = messages[0]?.role === 'system' ? '' : start;
  for (const [i, { role, content }] of messages.entries()) {
    const said = turns.trims ? String(content).trim() : String(content);
    if (role === 'system') text += `${turns.system?.start}${said}${turns.system?.end}`;
    else if (role === 'assistant') text += said + nextUser;
    else text += said + (i === messages.length - 1 ? end : answer);
  }
  return text;
}

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const system = (content: string): Message => ({ role: 'system', content });

/** Each ends with a user message, as conversations do that a model continues. */
const CONVERSATIONS: readonly (readonly Message[])[] = [
  [user('Hi')],
  [user('a\nb "c" <d> {{ e }}')],
  [user('1'), assistant('2'), user('3'), assistant('4'), user('5')],
  [system('Be terse.'), user('Hi')],
  [system('Be terse.\nBe kind.'), user('1'), assistant('2'), user('3'), assistant('4'), user('5')],
  [user('  spaces  '), assistant(' around '), user('\n\nmessages\n')],
];

/** Undefined where the template refuses the conversation. */
function render(template: ChatTemplate, messages: readonly Message[]): string | undefined {
  try {
    return template.render(messages, { addGenerationPrompt: true });
  } catch {
    return undefined;
  }
}

const irregular = (messages: readonly Message[]): TurnsResult => ({
  kind: 'irregular',
  example: messages.map(({ role, content }) => `${role}: ${JSON.stringify(content)}`).join(', '),
});
