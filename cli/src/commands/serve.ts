import { runSettingsSchema } from '@alphapo/contracts';
import { readSettingsFile, refuseUnknownSettings, type SettingSources, type Settings } from '@alphapo/settings';
import { createLogger, endSoon, runUntilSignal } from '@alphapo/telemetry';
import { Command } from 'commander';
import { SERVICES, type Service } from '../services.ts';
import { addSettingOptions, sourcesOf } from '../setting-options.ts';

export function serveCommand(): Command {
  const command = new Command('serve')
    .summary('run one service')
    .description('Run one service, with settings from options, environment variables and a file');
  for (const [name, service] of Object.entries(SERVICES)) command.addCommand(serviceCommand(name, service));
  return command;
}

function serviceCommand(name: string, { description, settings, run }: Service): Command {
  const command = new Command(name)
    .description(description)
    .option('--config <file>', 'YAML file with these settings; options and variables override it');
  addSettingOptions(command, settings);
  return command.action(async ({ config, ...options }: { readonly config?: string }) => {
    const logger = createLogger({ service: name });
    await runUntilSignal(logger, async (signal) => {
      const sources = { ...sourcesOf(options), ...(await fileSource(config, settings)) };
      await run(sources, logger, signal);
    });
    endSoon();
  });
}

async function fileSource(file: string | undefined, settings: Settings): Promise<Pick<SettingSources, 'file'>> {
  if (file === undefined) return {};
  const read = await readSettingsFile(file);
  refuseUnknownSettings(read, settings, (key) =>
    key in runSettingsSchema.shape ? 'is a run setting; set it in the file of --run' : undefined,
  );
  return { file: read };
}
