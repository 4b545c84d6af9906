import { readFile } from 'node:fs/promises';
import { AlphapoError, messageOf, sha256 } from '@alphapo/base';
import { Template } from '@huggingface/jinja';

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

/** A built-in template by name, or the path of a Jinja file. */
export type ChatTemplateChoice = 'plain' | 'chatml' | (string & {});

/** Where a template came from; `fallback`: the model has none, so `plain` is used. */
export type ChatTemplateSource = 'model' | 'built-in' | 'file' | 'fallback';

/**
 * A transcript as in Anthropic's HH data, for models that were never trained to chat; without white space at the end of
 * the prompt, so that a response starts with its own space.
 */
const PLAIN = `{%- for message in messages -%}
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

/** A chat template: a small program that turns a conversation into text. */
export class ChatTemplate {
  readonly source: ChatTemplateSource;
  /** Of the template's text. */
  readonly digest: string;
  readonly #template: Template;
  readonly #specialTokens: Readonly<Record<string, string | undefined>>;

  constructor(text: string, source: ChatTemplateSource, specialTokens: Readonly<Record<string, string | undefined>>) {
    this.source = source;
    this.digest = sha256(text);
    this.#specialTokens = specialTokens;
    try {
      this.#template = new Template(text);
    } catch (error) {
      throw new AlphapoError('failed-precondition', 'TEMPLATE_INVALID', `the chat template: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Errors: TEMPLATE_REFUSED where the template does not accept the conversation, e.g. roles that don't alternate. */
  render(messages: readonly ChatMessage[], options: { readonly addGenerationPrompt: boolean }): string {
    const plain = messages.map(({ role, content }) => ({ role, content }));
    try {
      return this.#template.render({
        messages: plain,
        add_generation_prompt: options.addGenerationPrompt,
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
    readonly file: string | undefined;
    readonly config: unknown;
    readonly specialTokens: Readonly<Record<string, string | undefined>>;
  },
): Promise<ChatTemplate> {
  const make = (text: string, source: ChatTemplateSource) => new ChatTemplate(text, source, model.specialTokens);
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
  const named = (config as { name?: unknown; template?: unknown }[]).find(({ name }) => name === 'default');
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
