import { AlphapoError, type FloatTensor } from '@alphapo/base';
import { type FloatDataType, openCheckpoint, type TensorArchive } from '@alphapo/safetensors';
import type { Adapter } from './adapter.ts';
import type { WeightLayout } from './adapter-config.ts';
import { adaptedModules } from './adapter-tensors.ts';
import { addLowRank, type LowRank, transposed } from './low-rank.ts';
import { type OnTensor, writeModel } from './model-folder.ts';
import type { TrainedTensor, WrittenModel } from './trained-weights.ts';

/** What a model is merged from, and how it is stored. */
export interface Merge {
  readonly sourceFolder: string;
  readonly adapter: Adapter;
  /** How the model stores the weights of its linear layers. */
  readonly weightLayout: WeightLayout;
  /** What merged tensors are rounded to; by default each to the type that it is stored in. Others stay as they are. */
  readonly dataType?: FloatDataType | 'as-stored' | undefined;
  /** Where tokenizer and chat templates are copied from; by default the source. */
  readonly tokenizerFolder?: string | undefined;
  readonly maxShardBytes?: number | undefined;
  readonly onTensor?: OnTensor | undefined;
}

/**
 * Writes the model in `sourceFolder` with an adapter merged into its weights: W + (alpha / rank) B A, summed in float32 and rounded to
 * nearest even. Tensor by tensor: memory holds the adapter and a few times the largest tensor.
 *
 * Errors: ADAPTER_MISMATCH where the model lacks an adapted layer or has it in another shape, and those of `writeModel`.
 */
export async function mergeAdapter(folder: string, merge: Merge): Promise<WrittenModel> {
  const { sourceFolder, dataType = 'as-stored', tokenizerFolder, maxShardBytes, onTensor } = merge;
  const source = await openCheckpoint(sourceFolder);
  return writeModel(folder, {
    ...{ sourceFolder, tensors: mergedTensors(source, merge), dataType },
    configuration: dataType === 'as-stored' ? 'as-is' : 'with-data-type',
    ...{ tokenizerFolder, maxShardBytes, onTensor },
  });
}

function mergedTensors(source: TensorArchive, merge: Merge): ReadonlyMap<string, TrainedTensor> {
  const { adapter, sourceFolder, weightLayout } = merge;
  const { tensors, rank, alpha } = adapter;
  const factor = (module: string, name: 'A' | 'B') =>
    tensors.get(`base_model.model.${module}.lora_${name}.weight`) as FloatTensor;
  const merged = new Map<string, TrainedTensor>();
  for (const module of adaptedModules(tensors, rank, 'the adapter')) {
    const [a, b] = [factor(module, 'A'), factor(module, 'B')];
    const [outputs, inputs] = [b.shape[0] as number, a.shape[1] as number];
    const [rows, columns] = weightLayout === 'linear' ? [outputs, inputs] : [inputs, outputs];
    const entry = source.findParameter(`${module}.weight`);
    if (entry === undefined || entry.shape.length !== 2 || entry.shape[0] !== rows || entry.shape[1] !== columns) {
      throw mismatch(module, [rows, columns], sourceFolder, entry?.shape);
    }
    const product = (): LowRank =>
      weightLayout === 'linear'
        ? { rows, columns, rank, left: b.data, right: a.data }
        : { rows, columns, rank, left: transposed(a.data, rank, inputs), right: transposed(b.data, outputs, rank) };
    merged.set(entry.name, {
      shape: entry.shape,
      data: async () => addLowRank(await source.read(entry.name), product(), alpha / rank),
    });
  }
  return merged;
}

function mismatch(
  module: string,
  wanted: readonly number[],
  folder: string,
  found: readonly number[] | undefined,
): AlphapoError {
  const has = found === undefined ? 'has no such layer' : `has it in shape [${found.join(', ')}]`;
  return new AlphapoError(
    'failed-precondition',
    'ADAPTER_MISMATCH',
    `the adapter changes ${module}.weight of shape [${wanted.join(', ')}], but ${folder} ${has}; use the base model that the adapter was trained on`,
    { metadata: { module } },
  );
}
