import { AlphapoError } from '@alphapo/base';
import { z } from 'zod';

/** https://huggingface.co/docs/peft/package_reference/lora: the supported fields of `adapter_config.json`. */
const honouredSchema = z.looseObject({
  peft_type: z.literal('LORA'),
  task_type: z.literal('CAUSAL_LM').nullish(),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  target_modules: z.union([z.array(z.string().min(1)).min(1), z.literal('all-linear')]),
  bias: z.literal('none').default('none'),
  init_lora_weights: z.union([z.boolean(), z.enum(['gaussian', 'orthogonal'])]).default(true),
  base_model_name_or_path: z.string().nullish(),
});

type AdapterConfig = z.infer<typeof honouredSchema>;

/** Fields that don't change what a saved adapter computes, whatever their value. */
const WITHOUT_EFFECT = new Set([
  ...Object.keys(honouredSchema.shape),
  'auto_mapping',
  // The layout of the base model's weights, which the model itself says.
  'fan_in_fan_out',
  'inference_mode',
  // In training only; ours has none.
  'lora_dropout',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
  'runtime_config',
]);

/**
 * Parses `adapter_config.json`. PEFT grows by fields that are off by default: any field beyond those we know that is
 * on (not null, false, 0 or empty) is refused by name with UNSUPPORTED_ADAPTER, and so are unsupported values. So
 * nothing is ignored silently.
 */
export function parseAdapterConfig(json: Record<string, unknown>, file: string): AdapterConfig {
  const field = Object.keys(json).find((key) => !WITHOUT_EFFECT.has(key) && isOn(json[key]));
  if (field !== undefined) throw unsupported(file, field, json[field]);
  const config = honouredSchema.safeParse(json);
  if (config.success) return config.data;
  const path = String(config.error.issues[0]?.path[0] ?? 'adapter_config.json');
  throw unsupported(file, path, json[path]);
}

function isOn(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function unsupported(file: string, field: string, value: unknown): AlphapoError {
  const hint =
    field === 'target_modules' && typeof value === 'string'
      ? 'a pattern; list the module names instead'
      : 'use a plain LoRA adapter of a causal language model';
  return new AlphapoError(
    'unimplemented',
    'UNSUPPORTED_ADAPTER',
    `${file}: ${field} is ${JSON.stringify(value) ?? 'missing'}, which AlphaPO does not support: ${hint}`,
    { metadata: { field } },
  );
}

/** How the base model stores its linear weights: [out, in] as torch's Linear, or [in, out] as GPT-2's Conv1D. */
export type WeightLayout = 'linear' | 'conv1d';

/** The content of `adapter_config.json` for a LoRA adapter. Equal arguments give equal text. */
export function formatAdapterConfig(adapter: {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  readonly baseModelPath: string;
  /** Branch, tag or commit, where the base model is a repository of a hub. */
  readonly baseModelRevision?: string | undefined;
  readonly weightLayout: WeightLayout;
}): string {
  const config = {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: adapter.baseModelPath,
    bias: 'none',
    fan_in_fan_out: adapter.weightLayout === 'conv1d',
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: adapter.alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: adapter.rank,
    rank_pattern: {},
    revision: adapter.baseModelRevision ?? null,
    target_modules: [...adapter.targets].sort(),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
