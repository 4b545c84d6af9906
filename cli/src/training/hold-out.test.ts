import { shuffledOrder } from '@alphapo/data';
import fc from 'fast-check';
import { duplicatesIn, holdOut, sharedPrompts } from './hold-out.ts';

/** A pair by its prompt; the response tells pairs of a prompt apart. */
const pair = (prompt: number, response = 0) => ({ prompt: [prompt], chosen: [response, 1], rejected: [response, 2] });
const ofPrompts = (...prompts: number[]) => prompts.map((prompt, i) => pair(prompt, i));

test('pairs of a prompt stay on one side, near the share, and both sides have some', () => {
  const prompts = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 2, maxLength: 60 });
  const several = prompts.filter((some) => new Set(some).size > 1);
  const share = fc.double({ min: 0.001, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(several, share, fc.nat(1000), (some, fraction, seed) => {
      const pairs = ofPrompts(...some);
      const split = holdOut(pairs, fraction, seed);
      expect(sharedPrompts(split)).toBe(0);
      expect(split.heldOut.length).toBeGreaterThan(0);
      expect(split.train.length).toBeGreaterThan(0);
      expect([...split.train, ...split.heldOut].sort((a, b) => pairs.indexOf(a) - pairs.indexOf(b))).toEqual(pairs);
      const largest = Math.max(
        ...Map.groupBy(some, (prompt) => prompt)
          .values()
          .map(({ length }) => length),
      );
      expect(Math.abs(split.heldOut.length - pairs.length * fraction)).toBeLessThanOrEqual(largest + 1);
      expect(holdOut(pairs, fraction, seed)).toEqual(split);
    }),
  );
});

test('where no prompt comes twice, the pairs are those that earlier releases drew', () => {
  const pairs = ofPrompts(...Array(200).keys());
  const drawn = new Set(shuffledOrder(200, 7, -1).slice(0, 10));
  expect(holdOut(pairs, 0.05, 7).heldOut).toEqual(pairs.filter((_, i) => drawn.has(i)));
});

test('a small share of few pairs is one pair, and all but one is the most', () => {
  expect(holdOut(ofPrompts(1, 2, 3, 4), 0.05, 1).heldOut).toHaveLength(1);
  expect(holdOut(ofPrompts(1, 2, 3, 4), 0.99, 1).train).toHaveLength(1);
});

test.each([[[5]], [[5, 5, 5]]])('pairs of one prompt alone cannot be split: %j', (prompts) => {
  expect(() => holdOut(ofPrompts(...prompts), 0.5, 1)).toThrow(
    expect.objectContaining({ reason: 'INVALID_SETTING', message: expect.stringContaining('eval-fraction') }),
  );
});

test('prompts on both sides and repeated pairs are counted', () => {
  expect(sharedPrompts({ train: ofPrompts(1, 2, 2), heldOut: ofPrompts(2, 2, 3) })).toBe(1);
  expect(duplicatesIn([pair(1, 5), pair(1, 6), pair(1, 5), pair(1, 5), pair(2, 5)])).toBe(2);
});
