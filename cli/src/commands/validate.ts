import {
  parseRunSettings,
  readSettingsFile,
  resolveRunSpecification,
  runSpecificationDigest,
} from '@alphapo/contracts';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { Command } from 'commander';
import { addHubOptions, type HubValues, hubAccess } from '../hub-options.ts';
import { modelFolder } from '../model-place.ts';

interface ValidateOptions extends HubValues {
  readonly config: string;
  readonly model?: string;
}

export function validateCommand(): Command {
  const command = new Command('validate')
    .summary('check the settings of a run')
    .description('Check the settings of a run, and with a model that they fit it, before anything is started')
    .requiredOption('--config <file>', 'settings of the run in YAML')
    .option('--model <folder>', 'Hugging Face model folder (config.json is enough), or owner/name on the hub')
    .action(validate);
  return addHubOptions(command);
}

async function validate({ config, model, ...hub }: ValidateOptions): Promise<void> {
  const settings = parseRunSettings(await readSettingsFile(config), (key) => `${config}: ${key}`);
  if (model === undefined) {
    process.stdout.write(`${config}: valid; give --model to check that it fits one\n`);
    return;
  }
  const folder = await modelFolder(model, await hubAccess(hub), { needs: 'configuration' });
  const specification = resolveRunSpecification(settings, runFacts(await readModelDefinition(folder), undefined));
  process.stdout.write(`${JSON.stringify(specification, undefined, 2)}\n${runSpecificationDigest(specification)}\n`);
}
