import { AlphapoError, type FloatTensors } from '@alphapo/base';
import { ModelFolder } from '@alphapo/engine';

/** Weights that are looked at one tensor at a time. */
export type WeightsToCheck = AsyncIterable<{ readonly name: string; readonly data: Float32Array }>;

/** The weights of a model folder. */
export async function* weightsOfModel(model: ModelFolder): WeightsToCheck {
  for (const { name } of model.definition.parameters) yield { name, data: await model.read(name) };
}

/** Those of an adapter, or of a policy. */
export async function* weightsOfTensors(tensors: FloatTensors): WeightsToCheck {
  for (const [name, { data }] of tensors) yield { name, data };
}

/**
 * The error for a pair whose log-probabilities or rewards are not finite: NON_FINITE_SCORE, with the first weight tensor that is not
 * finite either, where there is one.
 */
export async function nonFiniteScore(pairId: string, weights: readonly WeightsToCheck[]): Promise<AlphapoError> {
  const tensor = await firstNonFinite(weights);
  const cause =
    tensor === undefined
      ? 'all weights are finite, so a number overflowed on the way; use another dtype than float16, and check the pair'
      : describeTensor(tensor);
  return new AlphapoError('failed-precondition', 'NON_FINITE_SCORE', `${pairId}: its score is not finite; ${cause}`, {
    metadata: { pair: pairId, ...(tensor === undefined ? {} : { tensor: tensor.name }) },
  });
}

/** The error of a run that stopped at a loss or gradient that is not finite: the model's weights, where they are to blame. */
export async function withWeightsToBlame(error: unknown, modelFolder: string): Promise<unknown> {
  if (!(error instanceof AlphapoError) || !error.reason.startsWith('NON_FINITE')) return error;
  const tensor = await firstNonFinite([weightsOfModel(await ModelFolder.open(modelFolder))]);
  if (tensor === undefined) return error;
  return new AlphapoError(error.code, error.reason, `${modelFolder}: ${describeTensor(tensor)}`, {
    metadata: { ...error.metadata, tensor: tensor.name },
    cause: error,
  });
}

interface NonFiniteTensor {
  readonly name: string;
  readonly index: number;
  readonly value: number | undefined;
}

const describeTensor = ({ name, index, value }: NonFiniteTensor): string =>
  `the weights are not finite: ${name} has ${value} at element ${index}; fetch or train the model again`;

async function firstNonFinite(weights: readonly WeightsToCheck[]): Promise<NonFiniteTensor | undefined> {
  for (const some of weights) {
    for await (const { name, data } of some) {
      const index = data.findIndex((value) => !Number.isFinite(value));
      if (index >= 0) return { name, index, value: data[index] };
    }
  }
  return undefined;
}
