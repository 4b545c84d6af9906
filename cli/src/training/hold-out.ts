import { AlphapoError } from '@alphapo/base';
import { shuffledOrder } from '@alphapo/data';

/** What tells pairs apart: token ids, as training sees them. */
export interface TokenPair {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

export interface Split<Pair> {
  readonly train: readonly Pair[];
  readonly heldOut: readonly Pair[];
}

/**
 * Takes a share of the pairs out of training, drawn from the seed. All pairs of a prompt go to the same side, because a prompt that
 * is trained on says little about new ones. The number of held-out pairs is as near to the share as whole prompts allow, and at
 * least one. Errors: INVALID_SETTING where all pairs have the same prompt, so that one side would be empty.
 */
export function holdOut<Pair extends TokenPair>(pairs: readonly Pair[], fraction: number, seed: number): Split<Pair> {
  const prompts = [...Map.groupBy(pairs, promptKey).values()];
  if (pairs.length > 0 && prompts.length === 1) throw onePrompt(pairs.length);
  const wanted = Math.max(1, Math.round(pairs.length * fraction));
  const most = pairs.length - Math.min(...prompts.map((group) => group.length));
  const drawn = new Set<Pair>();
  for (const index of shuffledOrder(prompts.length, seed, -1)) {
    const group = prompts[index] as Pair[];
    const count = drawn.size + group.length;
    if (count > most || Math.abs(count - wanted) >= Math.abs(drawn.size - wanted)) continue;
    for (const pair of group) drawn.add(pair);
  }
  // Every prompt has more pairs than twice the share: the smallest is the nearest.
  if (drawn.size === 0) for (const pair of smallest(prompts)) drawn.add(pair);
  return { train: pairs.filter((pair) => !drawn.has(pair)), heldOut: pairs.filter((pair) => drawn.has(pair)) };
}

/** Prompts that pairs of both sides have. */
export function sharedPrompts({ train, heldOut }: Split<TokenPair>): number {
  const trained = new Set(train.map(promptKey));
  return new Set(heldOut.map(promptKey).filter((prompt) => trained.has(prompt))).size;
}

/** Pairs that are the same as an earlier one: prompt, chosen and rejected. */
export function duplicatesIn(pairs: readonly TokenPair[]): number {
  return pairs.length - new Set(pairs.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected].join('|'))).size;
}

const promptKey = ({ prompt }: TokenPair): string => prompt.join();

function smallest<Pair>(groups: readonly (readonly Pair[])[]): readonly Pair[] {
  return groups.reduce((least, group) => (group.length < least.length ? group : least), groups[0] ?? []);
}

function onePrompt(pairs: number): AlphapoError {
  const which = pairs === 1 ? 'there is 1 pair' : `all ${pairs} pairs have the same prompt`;
  return new AlphapoError(
    'invalid-argument',
    'INVALID_SETTING',
    `eval-fraction: ${which}, which leaves nothing to train on; remove it, or use --eval-data`,
    { metadata: { setting: 'eval-fraction' } },
  );
}
