import { kebabCase, settingError } from '@alphapo/settings';
import { z } from 'zod';
import { objectiveSettings, resolveObjective } from '../objective/objective-settings.ts';
import { learningRatesText } from '../objective/setting-texts.ts';
import { checkBatch } from './batch-limits.ts';
import { DEFAULT_PACK_TOKENS } from './compute-settings.ts';
import { dtypeSchema } from './dtype.ts';
import { type RunSpecification, runSpecificationSchema } from './run-specification.ts';

const DEFAULT_BATCH_PAIRS = 128;
const LORA_RATE_FACTOR = 10;
/** Steps per epoch that a default batch leaves, where the data is smaller than the usual one. */
const FEWEST_STEPS = 8;

/**
 * A run as people write it: in YAML, as options of the command line, or below `policy:` in the Helm values; the same
 * keys everywhere. What is left out has the default that each description names.
 */
export const runSettingsSchema = z.strictObject({
  ...objectiveSettings,
  learningRate: z
    .number()
    .positive()
    .optional()
    .describe(
      `peak learning rate (default for all weights: ${learningRatesText()}; for LoRA ${LORA_RATE_FACTOR} times that)`,
    ),
  batchSize: z
    .int()
    .positive()
    .optional()
    .describe(`pairs per optimizer step (default: ${DEFAULT_BATCH_PAIRS}, or less for small data)`),
  epochs: z.number().positive().optional().describe('passes over the data (default: 1)'),
  steps: z.int().positive().optional().describe('optimizer steps; not with epochs'),
  warmupRatio: z.number().min(0).max(1).optional().describe('fraction of steps for warm-up (default: 0.1)'),
  warmupSteps: z.int().nonnegative().optional().describe('warm-up steps; not with warmup-ratio'),
  scheduler: z
    .enum(['cosine', 'linear', 'constant'])
    .default('cosine')
    .describe('learning rate schedule after the warm-up'),
  weightDecay: z.number().nonnegative().default(0).describe('decoupled weight decay'),
  maxGradNorm: z.number().nonnegative().default(1).describe('clip the global gradient norm to this; 0: off'),
  adamBeta1: z.number().min(0).lt(1).default(0.9).describe("decay of AdamW's first moment"),
  adamBeta2: z.number().min(0).lt(1).default(0.999).describe("decay of AdamW's second moment"),
  adamEpsilon: z.number().positive().default(1e-8).describe("AdamW's epsilon"),
  full: z.boolean().default(false).describe('train all weights instead of a LoRA adapter'),
  loraRank: z.int().positive().default(16).describe('rank of the LoRA factors'),
  loraAlpha: z.number().positive().optional().describe('LoRA alpha; the scale is alpha / rank (default: 2 rank)'),
  loraTargets: z.array(z.string().min(1)).min(1).optional().describe('modules with LoRA (default: all linear layers)'),
  maxLength: z
    .int()
    .min(2)
    .optional()
    .describe("maximum tokens of prompt + response (default: 2048 or the model's limit)"),
  maxPromptLength: z.int().positive().optional().describe('maximum tokens of the prompt (default: 1800 of 2048)'),
  packTokens: z
    .int()
    .positive()
    .optional()
    .describe('maximum tokens per pack; a longer pair gets its own pack (default: 1024)'),
  recompute: z.boolean().optional().describe('recompute activations in the backward pass: less memory, more time'),
  packWeights: z
    .boolean()
    .optional()
    .describe(
      'keep packed copies of frozen weights: faster, two to three times the memory (default: up to 250M parameters)',
    ),
  shards: z.int().positive().default(4).describe('parts of a batch that scorers compute independently'),
  onNonFinite: z
    .enum(['stop', 'skip'])
    .default('stop')
    .describe('if a loss or gradient is not finite: stop the run, or skip the step'),
  dtype: dtypeSchema.default('float32').describe('data type of frozen weights and activations'),
  seed: z.int().nonnegative().default(42).describe('random seed of the shuffle and of new LoRA factors'),
});

export type RunSettings = z.infer<typeof runSettingsSchema>;

/** What the defaults depend on besides the settings. */
export interface RunFacts {
  /** Longest sequence that the model has positions for. */
  readonly maxPositions: number;
  /** Names of the model's linear layers. */
  readonly linearLayers: readonly string[];
  readonly parameterCount: number;
  /** Pairs that will be trained on in one epoch, where known. */
  readonly pairs: number | undefined;
}

const DEFAULT_LENGTH = 2048;
const DEFAULT_PROMPT_LENGTH = 1800;
/** Packed copies take some eight bytes a parameter: 2 GB. */
const MOST_PACKED_PARAMETERS = 250e6;

/** A setting that means something else than its default or its value says, because it would train nothing. */
export interface Adjustment {
  /** The key of the setting. */
  readonly setting: keyof RunSettings;
  /** What the setting or its default says. */
  readonly asked: number;
  /** For people: what is used instead, and why. */
  readonly message: string;
}

/** A run as it will be, with what was not taken as it stands. */
export interface ResolvedRun {
  readonly specification: RunSpecification;
  readonly adjustments: readonly Adjustment[];
}

/** The specification that settings mean for a model and data. Errors: INVALID_SETTING with the key. */
export function resolveRunSpecification(settings: RunSettings, facts: RunFacts): RunSpecification {
  return resolveRun(settings, facts).specification;
}

/**
 * The run that settings mean for a model and data. Two settings adapt where they would train nothing: a default batch that is
 * larger than the data, and a warm-up that takes all steps. Errors: INVALID_SETTING with the key.
 */
export function resolveRun(settings: RunSettings, facts: RunFacts): ResolvedRun {
  const maxLength = settings.maxLength ?? Math.min(DEFAULT_LENGTH, facts.maxPositions);
  if (maxLength > facts.maxPositions) {
    settingError('maxLength', `${maxLength} exceeds the ${facts.maxPositions} positions of the model`);
  }
  const maxPromptLength =
    settings.maxPromptLength ?? Math.max(1, Math.floor((maxLength * DEFAULT_PROMPT_LENGTH) / DEFAULT_LENGTH));
  if (maxPromptLength >= maxLength) {
    settingError('maxPromptLength', `${maxPromptLength} leaves no room for responses within max-length ${maxLength}`);
  }
  const { batch, adjustment: smallerBatch } = batchOf(settings, facts);
  checkBatch(batch, maxLength);
  const totalSteps = totalStepsOf(settings, facts, batch.pairs);
  const { warmupSteps, adjustment: shorterWarmup } = warmupOf(settings, totalSteps);
  const { objective, learningRate: fullRate } = resolveObjective(settings);
  const specification = runSpecificationSchema.safeParse({
    objective,
    method: settings.full
      ? { kind: 'full' }
      : {
          kind: 'lora',
          rank: settings.loraRank,
          alpha: settings.loraAlpha ?? 2 * settings.loraRank,
          targets: [...(settings.loraTargets ?? facts.linearLayers)].sort(),
        },
    optimizer: {
      learningRate: settings.learningRate ?? (settings.full ? fullRate : fullRate * LORA_RATE_FACTOR),
      beta1: settings.adamBeta1,
      beta2: settings.adamBeta2,
      epsilon: settings.adamEpsilon,
      weightDecay: settings.weightDecay,
      maxGradNorm: settings.maxGradNorm,
    },
    schedule: { kind: settings.scheduler, warmupSteps, totalSteps },
    batch,
    lengths: { maxLength, maxPromptLength },
    compute: {
      packTokens: settings.packTokens ?? DEFAULT_PACK_TOKENS,
      activations: settings.recompute ? 'recomputed' : 'kept',
      weights: packsWeights(settings, facts) ? 'packed' : 'in-place',
    },
    onNonFinite: settings.onNonFinite,
    dtype: settings.dtype,
    seed: settings.seed,
  } satisfies RunSpecification);
  if (specification.success) {
    const adjustments = [smallerBatch, shorterWarmup].filter((adjustment) => adjustment !== undefined);
    return { specification: specification.data, adjustments };
  }
  const [issue] = specification.error.issues;
  return settingError(issue?.path.join('.') ?? '', `the resolved value is not valid: ${issue?.message ?? 'not valid'}`);
}

function packsWeights({ packWeights, full }: RunSettings, { parameterCount }: RunFacts): boolean {
  if (full && packWeights) settingError('packWeights', 'applies to frozen weights; with full there are none');
  return packWeights ?? (!full && parameterCount <= MOST_PACKED_PARAMETERS);
}

/** A value, and why it is not the one that the settings or their defaults name. */
type Adjusted<T> = T & { readonly adjustment?: Adjustment };

/**
 * The batch as it is given, or the default one. Where the data makes no more than one default batch, it is smaller, a power of two:
 * one step teaches nothing, and the same pair would stand in a batch more than once. Shards are no more than its pairs.
 */
function batchOf(settings: RunSettings, { pairs }: RunFacts): Adjusted<{ readonly batch: RunSpecification['batch'] }> {
  const { batchSize, shards } = settings;
  if (batchSize !== undefined) return { batch: { pairs: batchSize, shards } };
  const usual = { pairs: DEFAULT_BATCH_PAIRS, shards };
  if (pairs === undefined) return { batch: usual };
  const onlyStep = settings.steps === undefined && totalStepsOf(settings, { pairs }, DEFAULT_BATCH_PAIRS) === 1;
  if (pairs >= DEFAULT_BATCH_PAIRS && !onlyStep) return { batch: usual };
  const smaller = 2 ** Math.floor(Math.log2(Math.max(1, pairs / FEWEST_STEPS)));
  const message =
    `batch-size: ${smaller} instead of the default ${DEFAULT_BATCH_PAIRS}, because the data has only ${pairs === 1 ? '1 pair' : `${pairs} pairs`}; ` +
    'set --batch-size to override';
  return {
    batch: { pairs: smaller, shards: Math.min(shards, smaller) },
    adjustment: { setting: 'batchSize', asked: DEFAULT_BATCH_PAIRS, message },
  };
}

function totalStepsOf({ steps, epochs }: RunSettings, { pairs }: Pick<RunFacts, 'pairs'>, batchPairs: number): number {
  if (steps !== undefined && epochs !== undefined) settingError('steps', 'give steps or epochs, not both');
  if (steps !== undefined) return steps;
  if (pairs === undefined) settingError('steps', 'is required, because the number of pairs is not known');
  return Math.max(1, Math.ceil((Math.round(pairs * (epochs ?? 1)) || 1) / batchPairs));
}

/**
 * The steps of the warm-up. The first of them has rate 0, as in transformers, and the step after them has the peak: a warm-up of
 * all steps would never get there, and one step would train nothing. So at least the last step has the peak.
 */
function warmupOf(settings: RunSettings, totalSteps: number): Adjusted<{ readonly warmupSteps: number }> {
  const { warmupSteps, warmupRatio } = settings;
  if (warmupSteps !== undefined && warmupRatio !== undefined) {
    settingError('warmupSteps', 'give warmup-steps or warmup-ratio, not both');
  }
  const asked = warmupSteps ?? Math.ceil(totalSteps * (warmupRatio ?? 0.1));
  if (asked < totalSteps) return { warmupSteps: asked };
  const shorter = totalSteps - 1;
  const setting = warmupSteps === undefined ? 'warmupRatio' : 'warmupSteps';
  const message =
    `${kebabCase(setting)}: ${shorter} warm-up ${shorter === 1 ? 'step' : 'steps'} instead of ${asked}, because the run has ${totalSteps === 1 ? '1 step' : `${totalSteps} steps`}, ` +
    'and the last one needs the peak learning rate';
  return { warmupSteps: shorter, adjustment: { setting, asked, message } };
}
