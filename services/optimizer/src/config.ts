import { join } from 'node:path';
import { type Adjustment, readRunSettings, resolveRun, topicsWithPrefix } from '@alphapo/contracts';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { drainMsOf, resolveAddresses } from '@alphapo/rpc';
import { resolveSettings, type SettingSources } from '@alphapo/settings';
import { optimizerSettings } from './settings.ts';
import type { OptimizerConfig } from './start.ts';

/** The optimizer's configuration. Errors: INVALID_CONFIGURATION with the setting, and those of the run's file. */
export async function optimizerConfigFrom(
  sources: SettingSources,
): Promise<OptimizerConfig & { readonly whenFinished: 'serve' | 'exit'; readonly adjustments: readonly Adjustment[] }> {
  const { model, run, folder, scorers, ...values } = resolveSettings(optimizerSettings, sources);
  const settings = await readRunSettings(run);
  const { specification, adjustments } = resolveRun(settings, runFacts(await readModelDefinition(model), undefined));
  return {
    model,
    baseModelName: values.baseModelName,
    chatTemplate: values.chatTemplate,
    savedDtype: values.saveDtype,
    specification,
    adjustments,
    referenceModel: values.referenceModel,
    initialAdapter: values.initAdapter,
    address: values.address,
    drainMs: drainMsOf(values),
    checkpointFolder: join(folder, 'checkpoints'),
    exportFolder: join(folder, 'exports'),
    checkpointEvery: values.checkpointEvery,
    checkpointsKept: { newest: values.checkpointsKept, everySteps: values.checkpointKeptEvery },
    topics: topicsWithPrefix(values.topicPrefix),
    whenFinished: values.whenFinished,
    shardTimeoutMs: values.shardTimeoutSeconds * 1000,
    discoverScorers: async () => (await Promise.all(scorers.map((scorer) => resolveAddresses(scorer)))).flat(),
  };
}
