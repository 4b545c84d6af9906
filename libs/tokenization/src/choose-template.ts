import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError, messageOf, sha256 } from '@alphapo/base';
import type { Message } from '@alphapo/data';
import { BUILT_IN_TEMPLATES, PLAIN } from './built-in-templates.ts';
import {
  type ChatTemplate,
  type ChatTemplateChoice,
  type ChatTemplateSource,
  JinjaTemplate,
  type RenderOptions,
} from './chat-template.ts';

/** A model's folder, and what is known of its templates. */
export interface TemplateFolder {
  readonly folder: string;
  /** `chat_template` of tokenizer_config.json. */
  readonly config: unknown;
  /** Special tokens by name, such as `bos_token`: variables of templates. */
  readonly named: Readonly<Record<string, string>>;
}

/** A named template of a model; the only one is named `default`. */
interface Named {
  readonly name: string;
  readonly text: string;
  /** The file, beginning at the model's folder. */
  readonly place: string;
}

/**
 * The template that was asked for; else the model's own, else `plain`. As in transformers, files go before the
 * configuration, and a template named `tool_use` is taken for conversations with tools.
 *
 * Errors: TEMPLATE_NOT_FOUND, TEMPLATE_INVALID, and TEMPLATE_AMBIGUOUS where the model has several and none is the default.
 */
export async function chooseChatTemplate(
  choice: ChatTemplateChoice | undefined,
  model: TemplateFolder,
): Promise<ChatTemplate> {
  const make = (text: string, source: ChatTemplateSource, place: string) =>
    new JinjaTemplate(text, source, model.named, place, source === 'model' ? join(model.folder, place) : place);
  const builtIn = choice === undefined ? undefined : BUILT_IN_TEMPLATES.get(choice);
  if (choice !== undefined && builtIn !== undefined) return make(builtIn, 'built-in', choice);
  const own = await templatesOf(model);
  const places = own.map(({ name, text, place }) => make(text, 'model', own.length > 1 ? `${place} (${name})` : place));
  const named = (name: string) => places[own.findIndex((one) => one.name === name)];
  if (choice !== undefined) return named(choice) ?? make(await readTemplate(choice, own), 'file', choice);
  const [first] = places;
  if (first === undefined) return make(PLAIN, 'fallback', 'plain');
  const toolUse = named('tool_use');
  const otherwise = named('default') ?? (places.length === 1 ? first : undefined);
  if (otherwise === undefined) throw ambiguous(model.folder, own);
  return toolUse === undefined || toolUse === otherwise ? otherwise : new WithToolTemplate(otherwise, toolUse);
}

/** Two templates of a model, one of them for conversations with tools. */
class WithToolTemplate implements ChatTemplate {
  readonly source: ChatTemplateSource;
  readonly place: string;
  readonly text: string;
  readonly digest: string;
  readonly #otherwise: ChatTemplate;
  readonly #withTools: ChatTemplate;

  constructor(otherwise: ChatTemplate, withTools: ChatTemplate) {
    this.source = otherwise.source;
    this.place = `${otherwise.place}; with tools: ${withTools.place}`;
    this.text = otherwise.text;
    this.digest = sha256(otherwise.digest, '\0', withTools.digest);
    this.#otherwise = otherwise;
    this.#withTools = withTools;
  }

  render(messages: readonly Message[], options: RenderOptions): string {
    return (options.tools === undefined ? this.#otherwise : this.#withTools).render(messages, options);
  }
}

const FILE = 'chat_template.jinja';
const JSON_FILE = 'chat_template.json';
const FOLDER = 'additional_chat_templates';
const CONFIG_FILE = 'tokenizer_config.json';

/** All templates of a model: those of its files; without them those of its configuration, and then of chat_template.json. */
async function templatesOf({ folder, config }: TemplateFolder): Promise<readonly Named[]> {
  const file = await readIfThere(join(folder, FILE));
  const additional = await additionalTemplates(folder);
  const ofFiles = file === undefined ? additional : [{ name: 'default', text: file, place: FILE }, ...additional];
  if (ofFiles.length > 0) return ofFiles;
  const ofConfig = namedIn(config, CONFIG_FILE);
  if (ofConfig.length > 0) return ofConfig;
  const json = await readIfThere(join(folder, JSON_FILE));
  return json === undefined ? [] : namedIn(templateInJson(json, join(folder, JSON_FILE)), JSON_FILE);
}

async function additionalTemplates(folder: string): Promise<readonly Named[]> {
  const names = await readdir(join(folder, FOLDER)).catch(() => []);
  const files = names.filter((name) => name.endsWith('.jinja')).sort();
  return Promise.all(
    files.map(async (file) => ({
      name: file.slice(0, -'.jinja'.length),
      text: (await readIfThere(join(folder, FOLDER, file))) ?? '',
      place: `${FOLDER}/${file}`,
    })),
  );
}

/** One template, or a list of them with names. */
function namedIn(value: unknown, place: string): readonly Named[] {
  if (typeof value === 'string') return [{ name: 'default', text: value, place }];
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.flatMap((one) => {
    const { name, template } = (one ?? {}) as { readonly name?: unknown; readonly template?: unknown };
    return typeof name === 'string' && typeof template === 'string' ? [{ name, text: template, place }] : [];
  });
}

function templateInJson(text: string, file: string): unknown {
  try {
    return (JSON.parse(text) as { readonly chat_template?: unknown } | null)?.chat_template;
  } catch (error) {
    throw new AlphapoError('failed-precondition', 'TEMPLATE_INVALID', `${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AlphapoError('failed-precondition', 'TEMPLATE_INVALID', `${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function readTemplate(file: string, own: readonly Named[]): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const names = [...BUILT_IN_TEMPLATES.keys(), ...own.map(({ name }) => name)];
    throw new AlphapoError(
      'not-found',
      'TEMPLATE_NOT_FOUND',
      `chat template "${file}": ${messageOf(error)}. Use ${names.join(', ')} or the path of a Jinja file`,
      { cause: error },
    );
  }
}

function ambiguous(folder: string, own: readonly Named[]): AlphapoError {
  const names = own.map(({ name }) => name).join(', ');
  return new AlphapoError(
    'failed-precondition',
    'TEMPLATE_AMBIGUOUS',
    `${folder} has several chat templates and no default: ${names}. Choose one by its name`,
  );
}
