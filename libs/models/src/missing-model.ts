import { type Dirent, existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AlphapoError } from '@alphapo/base';

/** `owner/name` of a hub. */
const HUB_NAME = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;

/** Entries of a folder that an error lists. */
const MOST_LISTED = 12;

/** What files of other kinds are, and what to do with them. */
const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/\.gguf$/i, 'GGUF, the format of llama.cpp. AlphaPO reads the original model: safetensors with config.json'],
  [/\.onnx$/i, 'ONNX. AlphaPO reads the original model: safetensors with config.json'],
  [
    /\.(bin|pt|pth|ckpt)$/i,
    'PyTorch weights. Save the model as safetensors: model.save_pretrained(folder) in transformers',
  ],
  [/\.(jsonl?|csv|tsv|parquet)(\.(gz|zst))?$/i, 'data, not a model; pass it with --data'],
];

/** Says why a folder without config.json is not a model, and what to give instead. */
export async function missingModel(folder: string, cause: unknown): Promise<AlphapoError> {
  return new AlphapoError('not-found', 'MODEL_NOT_FOUND', `${folder}: ${await problemOf(folder)}`, {
    cause,
    metadata: { model: folder },
  });
}

async function problemOf(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) {
    const fetched = `alphapo fetch-model --repo ${folder} --out ${folder}`;
    return HUB_NAME.test(folder)
      ? `no such folder; fetch it: ${fetched}`
      : `no such folder; ${await nearestAbove(folder)}`;
  }
  if (!found.isDirectory()) return fileProblem(folder);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  return entries === undefined ? 'the folder cannot be read: permission denied' : folderProblem(folder, entries);
}

function fileProblem(file: string): string {
  const kind = kindOf(file);
  if (kind !== undefined) return `is a file of ${kind}`;
  const holder = dirname(file);
  const isInModel = existsSync(join(holder, 'config.json'));
  return `is a file; use the folder of a Hugging Face model${isInModel ? `, here ${holder}` : ', with config.json'}`;
}

function folderProblem(folder: string, entries: readonly Dirent[]): string {
  const names = entries.map(({ name }) => name);
  if (names.includes('adapter_config.json')) {
    return 'is a PEFT adapter. Pass its base model with --model, and this folder with --init-adapter (train) or --adapter (score)';
  }
  const inside = entries.find((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'config.json')));
  if (inside !== undefined) return `has no config.json, but ${join(folder, inside.name)} has; use that folder`;
  if (names.includes('snapshots')) {
    return `is a Hugging Face cache; use a folder below ${join(folder, 'snapshots')}`;
  }
  const other = names.toSorted().find((name) => kindOf(name) !== undefined);
  if (other !== undefined) return `has no config.json; ${basename(other)} is ${kindOf(other)}`;
  if (names.length === 0) return 'the folder is empty';
  return `has no config.json; use the folder of a Hugging Face model. It contains ${listed(entries)}`;
}

/** Lists the nearest existing parent folder: often only the end of a path is wrong. */
async function nearestAbove(folder: string): Promise<string> {
  for (let above = dirname(resolve(folder)); ; above = dirname(above)) {
    const entries = await readdir(above, { withFileTypes: true }).catch(() => undefined);
    if (entries !== undefined) return `${above} contains ${listed(entries)}`;
    if (above === dirname(above)) return `${above} cannot be read`;
  }
}

/** Names of entries, folders with a slash at their end. */
function listed(entries: readonly Dirent[]): string {
  if (entries.length === 0) return 'nothing';
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const more = names.length - MOST_LISTED;
  return names.slice(0, MOST_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

const kindOf = (name: string) => OTHER_KINDS.find(([pattern]) => pattern.test(name))?.[1];
