import { drainMsOf } from '@alphapo/rpc';
import { resolveSettings, type SettingSources } from '@alphapo/settings';
import { scorerSettings } from './settings.ts';
import type { ScorerConfig } from './start.ts';

/** The scorer's configuration. Errors: INVALID_CONFIGURATION with the setting. */
export function scorerConfigFrom(sources: SettingSources): ScorerConfig {
  const { optimizer, device, scoreMerging, scoreLingerMs, ...values } = resolveSettings(scorerSettings, sources);
  return {
    model: values.model,
    referenceModel: values.referenceModel,
    address: values.address,
    drainMs: drainMsOf(values),
    optimizerAddress: optimizer,
    executionProvider: device,
    dtype: values.dtype,
    threads: values.threads,
    chatTemplate: values.chatTemplate,
    scoring: { merging: scoreMerging ? 'on' : 'off', lingerMs: scoreLingerMs },
  };
}
