import { readRunSettings, resolveRunSpecification, topicsWithPrefix } from '@alphapo/contracts';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { drainMsOf } from '@alphapo/rpc';
import { resolveSettings, type SettingSources } from '@alphapo/settings';
import { tokenizerSettings } from './settings.ts';
import type { TokenizerConfig } from './start.ts';

/** The tokenizer's configuration. Errors: INVALID_CONFIGURATION with the setting, and those of the run's file. */
export async function tokenizerConfigFrom(sources: SettingSources): Promise<TokenizerConfig> {
  const { model, run, lingerMs, maxBatchesAhead, ...values } = resolveSettings(tokenizerSettings, sources);
  const settings = await readRunSettings(run);
  return {
    model,
    specification: resolveRunSpecification(settings, runFacts(await readModelDefinition(model), undefined)),
    chatTemplate: values.chatTemplate,
    address: values.address,
    drainMs: drainMsOf(values),
    topics: topicsWithPrefix(values.topicPrefix),
    preferencesPartitions: values.partitions,
    lingerMs: lingerMs === 0 ? undefined : lingerMs,
    maxBatchesAhead: maxBatchesAhead === 0 ? undefined : maxBatchesAhead,
    processes: values.processes,
    ignoreFields: values.ignoreFields,
  };
}
