import { spawnSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeByteTokenizer } from '@alphapo/tokenization';
import type { FileForm, MutatedFolder } from './mutations.ts';

/** Prepares a place for the files that readers are given; returns their folder, which is not made yet. */
export async function preparePlace(root: string): Promise<string> {
  const tokenizer = join(root, 'tokenizer');
  await mkdir(tokenizer, { recursive: true });
  await writeByteTokenizer(tokenizer);
  // The store of checkpoints knows them by such a name; to the other readers it is one like any other.
  return join(root, 'checkpoints', 'step-00000003');
}

/** Makes `folder` have these files and nothing else. */
export async function writeFolder(folder: string, { files, forms }: MutatedFolder): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, content] of files) {
    const form = forms.get(name);
    if (form === undefined) await writeFile(join(folder, name), content);
    else await writeForm(join(folder, name), form);
  }
}

async function writeForm(path: string, form: FileForm): Promise<void> {
  switch (form) {
    case 'missing':
      return;
    case 'folder':
      return void (await mkdir(path));
    case 'loop':
      return symlink(path, path);
    case 'pipe':
      return void spawnSync('mkfifo', [path]);
    case 'endless':
      return symlink('/dev/zero', path);
  }
}
