import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { chooseChatTemplate } from './choose-template.ts';

interface Given {
  /** `chat_template` of tokenizer_config.json. */
  readonly config?: unknown;
  readonly files?: Readonly<Record<string, string>>;
  readonly choice?: string;
  readonly tools?: readonly { readonly name: string }[];
}

/** The place and the text of the template that is chosen for a folder. */
async function chosen({ config, files = {}, choice, tools }: Given): Promise<[place: string, text: string]> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'additional_chat_templates'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const template = await chooseChatTemplate(choice, { folder, config, named: {} });
  return [template.place, template.render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: false, tools })];
}

const named = (...names: string[]) => names.map((name) => ({ name, template: `${name}!` }));
const tools = [{ name: 'look' }];

test.each<[what: string, given: Given, place: string, text: string]>([
  [
    'chat_template.jinja goes before everything',
    { files: { 'chat_template.jinja': 'file', 'chat_template.json': '{"chat_template":"json"}' }, config: 'config' },
    'chat_template.jinja',
    'file',
  ],
  [
    'tokenizer_config.json goes before chat_template.json',
    { files: { 'chat_template.json': '{"chat_template":"json"}' }, config: 'config' },
    'tokenizer_config.json',
    'config',
  ],
  [
    'then comes chat_template.json',
    { files: { 'chat_template.json': '{"chat_template":"json"}' } },
    'chat_template.json',
    'json',
  ],
  [
    'of a list the default is taken',
    { config: named('rag', 'default') },
    'tokenizer_config.json (default)',
    'default!',
  ],
  ['a list of one needs no default', { config: named('rag') }, 'tokenizer_config.json', 'rag!'],
  [
    'with tools the template for tools is taken',
    { config: named('default', 'tool_use'), tools },
    'tokenizer_config.json (default); with tools: tokenizer_config.json (tool_use)',
    'tool_use!',
  ],
  [
    'a template in a folder of its own has the name of its file',
    { files: { 'chat_template.jinja': 'file', 'additional_chat_templates/tool_use.jinja': 'tools' }, tools },
    'chat_template.jinja (default); with tools: additional_chat_templates/tool_use.jinja (tool_use)',
    'tools',
  ],
  [
    "one of the model's can be asked for by its name",
    { config: named('rag', 'other'), choice: 'other' },
    'tokenizer_config.json (other)',
    'other!',
  ],
  ['a built-in one goes before those', { config: named('plain'), choice: 'plain' }, 'plain', '\n\nHuman: Hi'],
  ['a model without any gets plain', { files: { 'chat_template.json': '{}' } }, 'plain', '\n\nHuman: Hi'],
])('%s', async (_what, given, place, text) => {
  expect(await chosen(given)).toEqual([place, text]);
});

test('several templates without a default are refused with their names', async () => {
  await expect(chosen({ config: named('rag', 'other') })).rejects.toMatchObject({
    reason: 'TEMPLATE_AMBIGUOUS',
    message: expect.stringContaining('no default: rag, other'),
  });
});

test('an unknown template is rejected with the known names', async () => {
  await expect(chosen({ config: named('rag'), choice: 'nowhere' })).rejects.toMatchObject({
    reason: 'TEMPLATE_NOT_FOUND',
    message: expect.stringMatching(/Use plain, chatml, rag or the path/),
  });
});

test('a damaged chat_template.json is an error with its path', async () => {
  await expect(chosen({ files: { 'chat_template.json': '{' } })).rejects.toMatchObject({
    reason: 'TEMPLATE_INVALID',
    message: expect.stringMatching(/\/chat_template\.json: /),
  });
});
