import { readFile } from 'node:fs/promises';
import { AlphapoError, messageOf, sha256 } from '@alphapo/base';
import type { Message } from '@alphapo/data';
import { Template } from '@huggingface/jinja';

/** A built-in template by name, or the path of a Jinja file. */
export type ChatTemplateChoice = 'plain' | 'chatml' | (string & {});

/** Where a template came from; `fallback`: the model has none, so `plain` is used. */
export type ChatTemplateSource = 'model' | 'built-in' | 'file' | 'fallback';

/**
 * A transcript as in Anthropic's HH data, for models that were never trained to chat; without white space at the end of
 * the prompt, so that a response starts with its own space.
 */
export const PLAIN = `{%- for message in messages -%}
{%- if message.role == 'user' -%}{{ '\\n\\nHuman: ' + message.content }}
{%- elif message.role == 'assistant' -%}{{ '\\n\\nAssistant: ' + message.content }}
{%- else -%}{{ message.content }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '\\n\\nAssistant:' }}{%- endif -%}`;

/** OpenAI's ChatML, as many models use it. */
const CHATML = `{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}`;

const BUILT_IN: ReadonlyMap<string, string> = new Map([
  ['plain', PLAIN],
  ['chatml', CHATML],
]);

/**
 * Some templates write today's date. The same record must give the same tokens tomorrow, so for them it is always the
 * day that Llama 3.2's template falls back to: Friday, 26 July 2024.
 */
const FIXED_DAY: Readonly<Record<string, string>> = {
  ...{ '%Y': '2024', '%y': '24', '%m': '07', '%B': 'July', '%b': 'Jul', '%d': '26', '%A': 'Friday', '%a': 'Fri' },
  ...{ '%H': '00', '%M': '00', '%S': '00' },
};

/** Put before a template; the library's own function of this name reads the clock, and cannot be passed another way. */
const FIX_DAY = '{% set strftime_now = format_fixed_day %}';

const formatFixedDay = (format: string) => format.replace(/%[a-zA-Z]/g, (code) => FIXED_DAY[code] ?? code);

/** A template may write some pages of its own … */
const OWN_CHARACTERS = 2 ** 17;
/** … and each message several times, with what stands around it. */
const CHARACTERS_PER_CHARACTER = 4;
const CHARACTERS_PER_MESSAGE = 1024;

/** A chat template: a small program that turns a conversation into text. */
export interface ChatTemplate {
  readonly source: ChatTemplateSource;
  /** Of the template's text. */
  readonly digest: string;
  /**
   * Errors: TEMPLATE_REFUSED where the template does not accept the conversation, e.g. roles that don't alternate;
   * TEMPLATE_OUTPUT_TOO_LONG. It does not come back from a template that does not end: see `TokenizerPool`.
   */
  render(messages: readonly Message[], options: { readonly addGenerationPrompt: boolean }): string;
}

/** A template in Jinja. It sees the conversation and the special tokens; objects of the program are out of its reach. */
export class JinjaTemplate implements ChatTemplate {
  readonly source: ChatTemplateSource;
  readonly digest: string;
  readonly #template: Template;
  readonly #specialTokens: Readonly<Record<string, string | undefined>>;

  /** Errors: TEMPLATE_INVALID; `place` says in it where the template stands. */
  constructor(
    text: string,
    source: ChatTemplateSource,
    specialTokens: Readonly<Record<string, string | undefined>>,
    place = 'the chat template',
  ) {
    this.source = source;
    this.digest = sha256(text);
    this.#specialTokens = specialTokens;
    try {
      this.#template = new Template(text);
      this.#template.parsed.body.unshift(...new Template(FIX_DAY).parsed.body);
    } catch (error) {
      throw new AlphapoError('failed-precondition', 'TEMPLATE_INVALID', `${place}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  render(messages: readonly Message[], options: { readonly addGenerationPrompt: boolean }): string {
    const plain = messages.map((message) => ({ ...message }));
    const text = this.#render(plain, options.addGenerationPrompt);
    const longest = plain.reduce(
      (sum, { content }) => sum + CHARACTERS_PER_MESSAGE + CHARACTERS_PER_CHARACTER * (content ?? '').length,
      OWN_CHARACTERS,
    );
    if (text.length <= longest) return text;
    throw new AlphapoError(
      'invalid-argument',
      'TEMPLATE_OUTPUT_TOO_LONG',
      `the chat template writes ${text.length} characters for a conversation that may have ${longest}; use another template`,
    );
  }

  #render(messages: readonly Message[], addGenerationPrompt: boolean): string {
    try {
      return this.#template.render({
        messages,
        add_generation_prompt: addGenerationPrompt,
        format_fixed_day: formatFixedDay,
        ...this.#specialTokens,
      });
    } catch (error) {
      throw new AlphapoError(
        'invalid-argument',
        'TEMPLATE_REFUSED',
        `the chat template refuses the conversation: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
}

/** The template that was asked for; else the model's own, from its file or its configuration; else `plain`. */
export async function chooseChatTemplate(
  choice: ChatTemplateChoice | undefined,
  model: {
    readonly folder: string;
    readonly file: string | undefined;
    readonly config: unknown;
    readonly specialTokens: Readonly<Record<string, string | undefined>>;
  },
): Promise<ChatTemplate> {
  const make = (text: string, source: ChatTemplateSource) =>
    new JinjaTemplate(text, source, model.specialTokens, `the chat template ${choice ?? `of ${model.folder}`}`);
  if (choice !== undefined) {
    const builtIn = BUILT_IN.get(choice);
    return builtIn === undefined ? make(await readTemplate(choice), 'file') : make(builtIn, 'built-in');
  }
  if (model.file !== undefined) return make(model.file, 'model');
  const own = defaultTemplate(model.config);
  return own === undefined ? make(PLAIN, 'fallback') : make(own, 'model');
}

/** tokenizer_config.json has one template, or several with names, of which `default` is meant. */
function defaultTemplate(config: unknown): string | undefined {
  if (typeof config === 'string') return config;
  if (!Array.isArray(config)) return undefined;
  const named = (config as ({ name?: unknown; template?: unknown } | null)[]).find((one) => one?.name === 'default');
  return typeof named?.template === 'string' ? named.template : undefined;
}

async function readTemplate(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new AlphapoError(
      'not-found',
      'TEMPLATE_NOT_FOUND',
      `chat template "${file}": ${messageOf(error)}. Give ${[...BUILT_IN.keys()].join(', ')} or the path of a Jinja file`,
      { cause: error },
    );
  }
}
