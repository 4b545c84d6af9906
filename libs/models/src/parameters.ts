import type { DecoderShape } from './blocks.ts';
import type { LinearLayer, Parameter } from './definition.ts';

/** A linear layer in torch.nn.Linear's layout. */
export function linear(name: string, inputs: number, outputs: number, bias = false): LinearLayer {
  return { name, inputs, outputs, layout: 'out-in', bias };
}

/** The parameters of linear layers. */
export function linearParameters(linears: readonly LinearLayer[]): Parameter[] {
  return linears.flatMap(({ name, inputs, outputs, layout, bias }): Parameter[] => [
    { name: `${name}.weight`, shape: layout === 'out-in' ? [outputs, inputs] : [inputs, outputs], start: 'normal' },
    ...(bias ? [{ name: `${name}.bias`, shape: [outputs], start: 'zeros' } as const] : []),
  ]);
}

/** The linear layers of self-attention and gated MLP below `model.layers.N`, and which of them have a bias. */
export function gatedDecoderLinears(
  layers: number,
  { hiddenSize, heads, keyValueHeads, headDim }: DecoderShape,
  intermediateSize: number,
  bias: { readonly qkv: boolean; readonly output: boolean; readonly mlp: boolean },
): LinearLayer[] {
  return Array.from({ length: layers }, (_, i) => `model.layers.${i}`).flatMap((layer) => [
    linear(`${layer}.self_attn.q_proj`, hiddenSize, heads * headDim, bias.qkv),
    linear(`${layer}.self_attn.k_proj`, hiddenSize, keyValueHeads * headDim, bias.qkv),
    linear(`${layer}.self_attn.v_proj`, hiddenSize, keyValueHeads * headDim, bias.qkv),
    linear(`${layer}.self_attn.o_proj`, heads * headDim, hiddenSize, bias.output),
    linear(`${layer}.mlp.gate_proj`, hiddenSize, intermediateSize, bias.mlp),
    linear(`${layer}.mlp.up_proj`, hiddenSize, intermediateSize, bias.mlp),
    linear(`${layer}.mlp.down_proj`, intermediateSize, hiddenSize, bias.mlp),
  ]);
}

/** Norm weights of this size: `names` below each of `model.layers.N`. */
export function layerNorms(
  layers: number,
  size: number,
  names: readonly string[],
  start: Parameter['start'] = 'ones',
): Parameter[] {
  const inLayers = Array.from({ length: layers }, (_, i) => names.map((name) => `model.layers.${i}.${name}.weight`));
  return inLayers.flat().map((name) => ({ name, shape: [size], start }));
}

/** The weight of the final norm. */
export const finalNorm = (size: number, start: Parameter['start'] = 'ones'): Parameter => ({
  name: 'model.norm.weight',
  shape: [size],
  start,
});
