import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onFile } from '@alphapo/safetensors';

/** What makes text of token ids, and token ids of text. */
const TOKENIZER_FILES: ReadonlySet<string> = new Set([
  'added_tokens.json',
  'merges.txt',
  'special_tokens_map.json',
  'spiece.model',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'vocab.json',
]);
/** What makes text of conversations, beside tokenizer_config.json. */
const TEMPLATE_FILE = 'chat_template.jinja';
const TEMPLATE_FILES: ReadonlySet<string> = new Set([TEMPLATE_FILE, 'chat_template.json']);
/** Chat templates with names, one file each. */
const TEMPLATES_FOLDER = 'additional_chat_templates';
const GENERATION_FILE = 'generation_config.json';

/** Copies how a model generates, as far as it says so. */
export async function copyGenerationFile(from: string, to: string): Promise<void> {
  await onFile(from, () => copyNamed(from, to, (name) => name === GENERATION_FILE));
}

/** Whether a folder has a tokenizer of its own. */
export function hasTokenizer(folder: string): Promise<boolean> {
  return onFile(folder, async () => (await readdir(folder)).includes('tokenizer.json'));
}

/** Copies tokenizer and chat templates, as far as they are there. */
export async function copyTokenizerFiles(from: string, to: string): Promise<void> {
  await onFile(to, async () => {
    await mkdir(to, { recursive: true });
    await copyNamed(from, to, (name) => TOKENIZER_FILES.has(name) || TEMPLATE_FILES.has(name));
    const templates = join(from, TEMPLATES_FOLDER);
    const names = await readdir(templates).catch(() => []);
    if (!names.some(isTemplate)) return;
    await mkdir(join(to, TEMPLATES_FOLDER), { recursive: true });
    await copyNamed(templates, join(to, TEMPLATES_FOLDER), isTemplate);
  });
}

/** Makes a chat template the only one of a folder: it goes before those in tokenizer_config.json, as in transformers. */
export async function writeChatTemplate(folder: string, text: string): Promise<void> {
  await onFile(folder, async () => {
    await rm(join(folder, TEMPLATES_FOLDER), { recursive: true, force: true });
    await writeFile(join(folder, TEMPLATE_FILE), text);
  });
}

const isTemplate = (name: string) => name.endsWith('.jinja');

async function copyNamed(from: string, to: string, isWanted: (name: string) => boolean): Promise<void> {
  for (const name of (await readdir(from)).filter(isWanted)) await copyFile(join(from, name), join(to, name));
}
