import { AlphapoError, messageOf, sha256 } from '@alphapo/base';
import type { Json, Message } from '@alphapo/data';
import { JinjaProgram } from './jinja/program.ts';
import { charactersOfMessages } from './text-size.ts';

/** A built-in template, one of the model's by its name, or the path of a Jinja file. */
export type ChatTemplateChoice = 'plain' | 'chatml' | (string & {});

/** What can be chosen, for the help of options and settings. */
export const CHAT_TEMPLATE_CHOICES =
  "plain, chatml, the name of one of the model's templates, or a Jinja file (default: the model's own, else plain)";

/** Where a template came from; `fallback`: the model has none, so `plain` is used; `none`: there is no tokenizer to use one. */
export type ChatTemplateSource = 'model' | 'built-in' | 'file' | 'fallback' | 'none';

/** A template may write some pages of its own … */
const OWN_CHARACTERS = 2 ** 17;
/** … and each message several times, with what stands around it. */
const CHARACTERS_PER_CHARACTER = 4;
const CHARACTERS_PER_MESSAGE = 1024;

/** What a conversation is rendered with. */
export interface RenderOptions {
  /** Whether the text ends with the invitation to respond. */
  readonly addGenerationPrompt: boolean;
  /** JSON Schemas of tools. */
  readonly tools?: readonly Json[] | undefined;
}

/** A chat template: a small program that turns a conversation into text. */
export interface ChatTemplate {
  readonly source: ChatTemplateSource;
  /** For people: the file that it stands in (with its name there, if it has one), or the name of a built-in one. */
  readonly place: string;
  /** In Jinja; of several, the default's. */
  readonly text: string;
  /** Of the template's text. */
  readonly digest: string;
  /**
   * Errors: TEMPLATE_REFUSED where the template does not accept the conversation, e.g. roles that don't alternate;
   * TEMPLATE_OUTPUT_TOO_LONG. It never returns if the template does not end: see `TokenizerPool`.
   */
  render(messages: readonly Message[], options: RenderOptions): string;
}

/** A Jinja template. It sees the conversation and the special tokens, but no objects of the program. */
export class JinjaTemplate implements ChatTemplate {
  readonly source: ChatTemplateSource;
  readonly place: string;
  readonly text: string;
  readonly digest: string;
  readonly #program: JinjaProgram;
  readonly #specialTokens: Readonly<Record<string, string | undefined>>;

  /** `path`: where the template stands, in errors. Errors: TEMPLATE_INVALID. */
  constructor(
    text: string,
    source: ChatTemplateSource,
    specialTokens: Readonly<Record<string, string | undefined>>,
    place = 'the chat template',
    path = place,
  ) {
    this.source = source;
    this.place = place;
    this.text = text;
    this.digest = sha256(text);
    this.#specialTokens = specialTokens;
    try {
      this.#program = new JinjaProgram(text);
    } catch (error) {
      throw new AlphapoError('failed-precondition', 'TEMPLATE_INVALID', `${path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  render(messages: readonly Message[], { addGenerationPrompt, tools }: RenderOptions): string {
    const text = this.#render(messages, { addGenerationPrompt, tools });
    const longest =
      OWN_CHARACTERS +
      CHARACTERS_PER_MESSAGE * messages.length +
      CHARACTERS_PER_CHARACTER * charactersOfMessages(messages, tools);
    if (text.length <= longest) return text;
    throw new AlphapoError(
      'invalid-argument',
      'TEMPLATE_OUTPUT_TOO_LONG',
      `the chat template renders ${text.length} characters for a conversation that may have ${longest}; use another template`,
    );
  }

  #render(messages: readonly Message[], { addGenerationPrompt, tools }: RenderOptions): string {
    try {
      return this.#program.render({
        ...definedOnly(this.#specialTokens),
        messages: messages.map(asTransformersDoes),
        tools: tools ?? null,
        documents: null,
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (error) {
      throw new AlphapoError(
        'invalid-argument',
        'TEMPLATE_REFUSED',
        `the chat template rejects the conversation: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
}

/** Fields that are null are left out, and reasoning has the name that gpt-oss reads beside its own. */
function asTransformersDoes(message: Message): object {
  const { reasoning_content: reasoning } = message;
  const fields = definedOnly(message);
  return reasoning === undefined ? fields : { thinking: reasoning, ...fields };
}

function definedOnly(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}
