import { constants } from 'node:fs';
import { access, mkdir, open, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import type { Command } from 'commander';
import { describeError } from './errors.ts';

/** Options and arguments that name what a command writes. Their flags say whether it is a folder or a file. */
const WRITTEN = ['out', 'folder', 'refused'];

/** Checks the places that a command will write to, before it begins. Errors: NOT_WRITABLE with the option. */
export async function requireWritablePlaces(command: Command): Promise<void> {
  for (const option of command.options) {
    const place: unknown = command.getOptionValue(option.attributeName());
    if (!WRITTEN.includes(option.attributeName()) || typeof place !== 'string') continue;
    if (option.flags.endsWith('<folder>')) await requireWritableFolder(place, option.long ?? '');
    else if (place !== '-') await requireWritableFile(place, option.long ?? '');
  }
  for (const [index, argument] of command.registeredArguments.entries()) {
    const place: unknown = command.processedArgs[index];
    if (argument.name() === 'folder' && typeof place === 'string') await requireWritableFolder(place, '<folder>');
  }
}

/**
 * Checks that a folder is there and can be written to, or could be made; leaves everything as it was. It makes what is missing one folder
 * at a time: in /proc, making all at once never ends.
 */
export async function requireWritableFolder(folder: string, option: string): Promise<void> {
  const made: string[] = [];
  try {
    for (const missing of await missingFolders(folder, option)) {
      await mkdir(missing);
      made.push(missing);
    }
    await requireWritable(folder);
  } catch (cause) {
    throw asNotWritable(cause, option, folder, 'folder');
  } finally {
    for (const folder of made.reverse()) await rmdir(folder).catch(() => {});
  }
}

/** The folders to make, outermost first. */
async function missingFolders(folder: string, option: string): Promise<string[]> {
  const missing: string[] = [];
  for (let path = resolve(folder); ; path = dirname(path)) {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (found?.isDirectory()) return missing.reverse();
    if (found !== undefined) throw notWritable(option, `${path} is a file, but a folder is needed`);
    missing.push(path);
  }
}

async function requireWritable(folder: string): Promise<void> {
  await access(folder, constants.W_OK | constants.X_OK);
  const probe = join(folder, `.alphapo-probe-${process.pid}`);
  await (await open(probe, 'wx')).close();
  await rm(probe);
}

async function requireWritableFile(file: string, option: string): Promise<void> {
  try {
    const before = await stat(file).catch(() => undefined);
    if (before?.isDirectory()) throw notWritable(option, `${file} is a folder, but a file is needed`);
    // Devices and pipes are written to as they are.
    if (before !== undefined && !before.isFile()) return;
    await (await open(file, 'a')).close();
    if (before === undefined) await rm(file);
  } catch (cause) {
    throw asNotWritable(cause, option, file, 'file');
  }
}

function asNotWritable(cause: unknown, option: string, path: string, kind: 'file' | 'folder'): AlphapoError {
  if (cause instanceof AlphapoError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  const why =
    code === 'ENOENT' && kind === 'file'
      ? 'the folder to write to does not exist'
      : describeError(cause).split(': ').at(-1);
  return notWritable(
    option,
    `cannot write ${path}: ${code === 'ENOENT' && kind === 'folder' ? 'the folder cannot be created' : why}`,
    cause,
  );
}

function notWritable(option: string, problem: string, cause?: unknown): AlphapoError {
  return new AlphapoError('failed-precondition', 'NOT_WRITABLE', `${option}: ${problem}`, { cause });
}
