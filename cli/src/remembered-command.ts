import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { parseRunSettings, type RunSettings, runSettingsSchema } from '@alphapo/contracts';
import { inFileOrder, readSettingsFile } from '@alphapo/settings';
import type { Command } from 'commander';
import { fileOptionsOf, flagOf, optionsInFile } from './config-options.ts';
import { type GivenSettings, withOptions } from './settings.ts';
import { type GivenCommand, runIdentityOf } from './training/run-identity.ts';

/** How this time differs from the time before; nothing that a run is made of. */
const NOT_REMEMBERED = ['resume', 'out', 'logLevel'];

/** A command with all that there is to know of it. */
export interface CompleteCommand<Options> {
  readonly options: Options;
  readonly settings: RunSettings;
  /** What a later `--resume` may leave out. */
  readonly given: GivenCommand;
}

/**
 * Completes the options of a command: those of the command line win over those in the file of --config, these over those that a
 * resumed run was started with, and these over defaults. Errors: INVALID_SETTING with a line per mistake; NO_RUN;
 * those of reading the file and the run's folder.
 */
export async function completeCommand<Options extends Record<string, unknown>>(
  command: Command,
  required: readonly string[],
): Promise<CompleteCommand<Options>> {
  const fromLine = givenInLine(command);
  const { config } = fromLine;
  const file = typeof config === 'string' ? await readSettingsFile(config) : undefined;
  const inFile = file && optionsInFile(command, file);
  const given = { ...inFile?.options, ...fromLine };
  const before = await rememberedOptions(given);
  const ofFile: GivenSettings = { values: { ...inFile?.settings }, placeOf: (key) => file?.placeOf(key) ?? key };
  const ofRun = settingsOf(before);
  const all = withOptions({ ...ofFile, values: { ...ofRun, ...ofFile.values } }, command.opts());
  const options = { ...command.opts(), ...before, ...given } as unknown as Options;
  const settings = checked(
    all,
    inFile?.mistakes ?? [],
    fileOptionsOf(command).map((option) => option.attributeName()),
  );
  const missing = required.filter((key) => options[key] === undefined);
  if (missing.length > 0) {
    await requireRun(given);
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_SETTING',
      `${missing.map(flagOf).join(', ')}: missing; set them as options or in the --config file`,
    );
  }
  const remembered = Object.entries({ ...before, ...inFile?.options, ...fromLine, ...all.values });
  const kept = remembered.filter(
    ([key, value]) => value !== undefined && !NOT_REMEMBERED.includes(key) && key !== 'config',
  );
  return { options, settings, given: { from: process.cwd(), given: Object.fromEntries(kept) } };
}

/** What stands in the command line itself. */
function givenInLine(command: Command): Record<string, unknown> {
  const options = Object.entries(command.opts()).filter(([key]) => command.getOptionValueSource(key) === 'cli');
  return Object.fromEntries(options.filter(([key]) => !(key in runSettingsSchema.shape)));
}

const settingsOf = (options: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(options).filter(([key]) => key in runSettingsSchema.shape));

/** What the run in the folder was started with, where it is to be resumed. */
async function rememberedOptions({ resume, out }: Record<string, unknown>): Promise<Record<string, unknown>> {
  if (resume !== true || typeof out !== 'string') return {};
  const command = (await runIdentityOf(out))?.command;
  if (command === undefined) return {};
  if (command.from === process.cwd()) return command.given;
  return Object.fromEntries(
    Object.entries(command.given).map(([key, value]) => [key, fromFolder(command.from, value)]),
  );
}

/** A run to resume explains what is missing. Errors: NO_RUN if --out has none. */
async function requireRun({ resume, out }: Record<string, unknown>): Promise<void> {
  if (resume !== true || typeof out !== 'string' || (await runIdentityOf(out)) !== undefined) return;
  throw new AlphapoError(
    'failed-precondition',
    'NO_RUN',
    `--resume: there is no run in ${out}; give the folder of a run as --out, or start one without --resume`,
  );
}

/** Resolves paths against the folder where the run was started; other values are unchanged. */
function fromFolder(folder: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => fromFolder(folder, one));
  if (typeof value !== 'string') return value;
  const path = resolve(folder, value);
  return existsSync(path) ? path : value;
}

function checked(all: GivenSettings, mistakes: readonly string[], alsoKnown: readonly string[]): RunSettings {
  let settings: RunSettings | undefined;
  const lines = [...mistakes];
  try {
    settings = parseRunSettings(all.values, all.placeOf, alsoKnown);
  } catch (error) {
    if (!(error instanceof AlphapoError)) throw error;
    lines.push(error.message);
  }
  if (settings !== undefined && lines.length === 0) return settings;
  throw new AlphapoError(
    'invalid-argument',
    'INVALID_SETTING',
    inFileOrder(lines.flatMap((line) => line.split('\n'))).join('\n'),
  );
}
