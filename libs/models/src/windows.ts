import { z } from 'zod';
import { configError, positive } from './config.ts';

/** The kind of each layer's attention, as transformers 5 lists it. */
export const layerTypes = z.array(z.string()).nullish();

interface LayerOptions {
  readonly num_hidden_layers: number;
  readonly layer_types?: readonly string[] | null | undefined;
}

/** How many positions a layer's tokens see, themselves included; all when undefined. */
export type LayerWindows = readonly (number | undefined)[];

/** The window of each layer: by `layer_types` where it is given, else in the layers that `slides` names. */
export function layerWindows(
  { num_hidden_layers: layers, layer_types: given }: LayerOptions,
  window: number | null,
  slides: (layer: number) => boolean,
): LayerWindows {
  if (given && given.length !== layers) {
    configError('layer_types', `has ${given.length} entries for ${layers} layers`);
  }
  return Array.from({ length: layers }, (_, i) => {
    const type = given?.[i] ?? (slides(i) ? 'sliding_attention' : 'full_attention');
    switch (type) {
      case 'full_attention':
        return undefined;
      case 'sliding_attention':
        return window ?? configError('sliding_window', `layer ${i} has sliding attention, but no window is given`);
      default:
        return configError('layer_types', `"${type}" is not supported (full_attention and sliding_attention are)`);
    }
  });
}

/** Qwen's options: windows are off unless switched on, and then from a layer on. */
export const switchedWindowFields = {
  use_sliding_window: z.boolean().default(false),
  sliding_window: positive.nullable().default(4096),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: layerTypes,
};

/** The window of each layer by Qwen's options: the first `max_window_layers` layers see everything. */
export function switchedWindows(
  config: z.infer<z.ZodObject<typeof switchedWindowFields>> & LayerOptions,
): LayerWindows {
  const window = config.use_sliding_window ? config.sliding_window : null;
  return layerWindows(config, window, (layer) => window !== null && layer >= config.max_window_layers);
}
