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

export const BUILT_IN_TEMPLATES: ReadonlyMap<string, string> = new Map([
  ['plain', PLAIN],
  ['chatml', CHATML],
]);
