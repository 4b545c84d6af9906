import { drainMsOf } from '@alphapo/rpc';
import { resolveSettings, type SettingSources } from '@alphapo/settings';
import { samplerSettings } from './settings.ts';
import type { SamplerConfig } from './start.ts';

/** The sampler's configuration. Errors: INVALID_CONFIGURATION with the setting. */
export function samplerConfigFrom(sources: SettingSources): SamplerConfig {
  const { optimizer, device, adapters, cacheMib, ...values } = resolveSettings(samplerSettings, sources);
  return {
    model: values.model,
    modelName: values.modelName,
    chatTemplate: values.chatTemplate,
    adapters: new Map(adapters.map((text) => splitOnce(text, '='))),
    address: values.address,
    httpAddress: values.httpAddress,
    drainMs: drainMsOf(values),
    optimizerAddress: optimizer,
    executionProvider: device,
    dtype: values.dtype,
    threads: values.threads,
    cacheBytes: cacheMib * 2 ** 20,
  };
}

function splitOnce(text: string, separator: string): [string, string] {
  const place = text.indexOf(separator);
  return [text.slice(0, place), text.slice(place + separator.length)];
}
