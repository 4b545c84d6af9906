import { parseRunSettings, readSettingsFile, resolveRun, runSpecificationDigest } from '@alphapo/contracts';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { Command } from 'commander';

interface ValidateOptions {
  readonly config: string;
  readonly model?: string;
}

export function validateCommand(): Command {
  return new Command('validate')
    .summary('check the settings of a run')
    .description('Check the settings of a run, and with a model that they fit it, before anything is started')
    .requiredOption('--config <file>', 'settings of the run in YAML')
    .option('--model <folder>', 'Hugging Face model folder; config.json is enough')
    .action(validate);
}

async function validate({ config, model }: ValidateOptions): Promise<void> {
  const settings = parseRunSettings(await readSettingsFile(config), (key) => `${config}: ${key}`);
  if (model === undefined) {
    process.stdout.write(`${config}: valid; give --model to check that it fits one\n`);
    return;
  }
  const { specification, adjustments } = resolveRun(settings, runFacts(await readModelDefinition(model), undefined));
  for (const { message } of adjustments) process.stderr.write(`${message}\n`);
  process.stdout.write(`${JSON.stringify(specification, undefined, 2)}\n${runSpecificationDigest(specification)}\n`);
}
