import { type FloatTensors, floatTensor } from '@alphapo/base';
import type { Objective } from '@alphapo/contracts';
import { batchTotals, ModelFolder } from '@alphapo/engine';
import { batchFeeds, batchPairsFeed, pairFeeds, referenceFeeds } from '../../libs/engine/src/objective-feeds.ts';
import { packRows } from '../../libs/engine/src/pack.ts';
import { gradientProgram } from '../../libs/engine/src/program.ts';
import { type Feeds, Session } from '../../libs/engine/src/session.ts';
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
  const program = gradientProgram(folder, method, objective);
  await using session = await Session.create(program, { ...CPU, weightsFolder: folder.weightsFolder });
  const rows = golden.pairs.map(({ prompt, chosen, rejected }) => ({ prompt, responses: [chosen, rejected] }));
  const pack = packRows(rows, folder.definition);
  const batch = batchTotals(golden.pairs);
  const reference = referenceSums(golden, objective) ?? { chosen: [], rejected: [] };
  const outputs = await session.run({
    ...pack.feeds,
    ...pairFeeds(pack),
    ...batchPairsFeed(batch),
    ...batchFeeds(objective, batch),
    ...referenceFeeds(reference),
    ...named(tensors, ''),
    ...named(new Map([...tensors].map(([name, { shape }]) => [name, floatTensor(shape)])), 'sum:'),
  });
  return new Map(
    [...tensors].map(([name, { shape }]) => [
      name,
      floatTensor(shape, outputs[`gradient:${name}`]?.data as Float32Array),
    ]),
  );
}

const named = (tensors: FloatTensors, prefix: string): Feeds =>
  Object.fromEntries([...tensors].map(([name, { shape, data }]) => [prefix + name, { type: 'f32', shape, data }]));
