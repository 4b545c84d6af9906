import type { FloatTensors } from '@alphapo/base';
import type { Objective } from '@alphapo/contracts';
import { batchTotals, ModelFolder } from '@alphapo/engine';
import {
  batchFeeds,
  batchPairsFeed,
  type Feeds,
  gradientProgram,
  PackGradients,
  packRows,
  pairFeeds,
  referenceFeeds,
  Session,
  weightFeed,
} from '@alphapo/engine/testing';
import { type Golden, referenceSums } from './golden-files.ts';
import { CPU, fullStart } from './policies.ts';

/**
 * The gradient of all weights under an objective whose reference is known by its log-probabilities alone: the engine's own
 * program, fed with those. The pairs are one pack.
 */
export async function gradientWithGivenReference(
  model: string,
  golden: Golden,
  objective: Objective,
): Promise<FloatTensors> {
  const folder = await ModelFolder.open(model);
  const { method, tensors } = await fullStart(model);
  const style = { logits: 'whole', activations: 'kept', precision: 'f32', attention: 'blocks' } as const;
  const program = gradientProgram(folder, method, objective, style);
  await using session = await Session.create(program.graph, { ...CPU, weightsFolder: folder.weightsFolder });
  const rows = golden.pairs.map(({ prompt, chosen, rejected }) => ({ prompt, responses: [chosen, rejected] }));
  const pack = packRows(rows, folder.definition, program.windows);
  const batch = batchTotals(golden.pairs);
  const reference = referenceSums(golden, objective) ?? { chosen: [], rejected: [] };
  const outputs = await session.run({
    ...pack.feeds,
    ...pairFeeds(pack),
    ...weightFeed(rows.map(() => ({}))),
    ...batchPairsFeed(batch),
    ...batchFeeds(objective, batch),
    ...referenceFeeds(reference),
    ...tensorFeeds(tensors),
  });
  const sum = new PackGradients();
  sum.add(program.gradients, outputs);
  return sum.total;
}

const tensorFeeds = (tensors: FloatTensors): Feeds =>
  Object.fromEntries([...tensors].map(([name, { shape, data }]) => [name, { type: 'f32', shape, data }]));
