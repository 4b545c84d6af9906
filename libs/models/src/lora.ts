import { AlphapoError, type FloatTensor, floatTensor, seededRandom } from '@alphapo/base';
import type { LinearLayer, ModelDefinition } from './definition.ts';

/**
 * Low-rank adaptation, arXiv:2106.09685: W' = W + (alpha / rank) B A, named as PEFT names its factors.
 */
export interface LoraShape {
  readonly rank: number;
  /** Names as in PEFT's `target_modules`: a module's whole path, or its last parts. */
  readonly targets: readonly string[];
}

/** The two factors beside one linear layer: A [rank, in], B [out, rank]. */
export interface LoraFactors {
  readonly layer: LinearLayer;
  readonly a: { readonly name: string; readonly shape: readonly [number, number] };
  readonly b: { readonly name: string; readonly shape: readonly [number, number] };
}

/** The factors of a model in the order of its layers. Errors: LORA_TARGETS where a target matches no linear layer. */
export function loraFactors(model: ModelDefinition, { rank, targets }: LoraShape): LoraFactors[] {
  const matches = (layer: LinearLayer, target: string) => layer.name === target || layer.name.endsWith(`.${target}`);
  for (const target of targets) {
    if (model.linears.some((layer) => matches(layer, target))) continue;
    throw new AlphapoError(
      'invalid-argument',
      'LORA_TARGETS',
      `LoRA target "${target}" is not a linear layer of ${model.modelType}; its layers are ${defaultLoraTargets(model).join(', ')}`,
    );
  }
  return model.linears
    .filter((layer) => targets.some((target) => matches(layer, target)))
    .map((layer) => ({
      layer,
      a: { name: `base_model.model.${layer.name}.lora_A.weight`, shape: [rank, layer.inputs] },
      b: { name: `base_model.model.${layer.name}.lora_B.weight`, shape: [layer.outputs, rank] },
    }));
}

/** The names of all linear layers: what the QLoRA paper (arXiv:2305.14314) found to be needed to match full training. */
export function defaultLoraTargets(model: ModelDefinition): string[] {
  return [...new Set(model.linears.map(({ name }) => name.slice(name.lastIndexOf('.') + 1)))];
}

/** Fresh factors as PEFT starts them: A uniform in (-1, 1) / sqrt(in) (Kaiming with a = sqrt 5), B zero. */
export function freshLora(model: ModelDefinition, shape: LoraShape, seed: number): Map<string, FloatTensor> {
  const random = seededRandom(seed);
  const tensors = new Map<string, FloatTensor>();
  for (const { layer, a, b } of loraFactors(model, shape)) {
    const bound = 1 / Math.sqrt(layer.inputs);
    const draw = () => (2 * random.next() - 1) * bound;
    tensors.set(a.name, floatTensor(a.shape, Float32Array.from({ length: a.shape[0] * a.shape[1] }, draw)));
    tensors.set(b.name, floatTensor(b.shape));
  }
  return tensors;
}
