import { withinLimits } from './limits.ts';

const BOS = 0;
const split = { prompt: [BOS, 1, 2, 3], responses: [[4, 5, 6], [7]] };

test('an exchange within the limits stays whole', () => {
  expect(withinLimits(split, { maxLength: 7, maxPromptLength: 4 }, BOS)).toEqual({
    ...split,
    truncated: { prompt: 0, responses: [0, 0] },
  });
});

test('a long prompt loses its start but keeps its first token where that begins the sequence', () => {
  const prompt = (maxPromptLength: number, bos: number | undefined) =>
    withinLimits(split, { maxLength: 100, maxPromptLength }, bos).prompt;
  expect(prompt(3, BOS)).toEqual([BOS, 2, 3]);
  expect(prompt(2, BOS)).toEqual([BOS, 3]);
  expect(prompt(1, BOS)).toEqual([3]);
  expect(prompt(3, undefined)).toEqual([1, 2, 3]);
  expect(prompt(0, BOS)).toEqual([]);
});

test('a long prompt is rejected on request', () => {
  const limits = { maxLength: 100, maxPromptLength: 3, longPrompt: 'refuse' } as const;
  expect(() => withinLimits(split, limits, BOS)).toThrow(
    expect.objectContaining({ reason: 'PROMPT_TOO_LONG', message: expect.stringContaining('shorten it to 3') }),
  );
  expect(withinLimits(split, { ...limits, maxPromptLength: 4 }, BOS).prompt).toEqual(split.prompt);
});

test('long responses lose their ends', () => {
  expect(withinLimits(split, { maxLength: 5, maxPromptLength: 3 }, BOS)).toEqual({
    prompt: [BOS, 2, 3],
    responses: [[4, 5], [7]],
    truncated: { prompt: 1, responses: [1, 0] },
  });
});

test('a prompt that leaves no room for a response is refused', () => {
  for (const maxLength of [4, 3, 1]) {
    expect(() => withinLimits(split, { maxLength, maxPromptLength: 10 }, BOS)).toThrow(
      expect.objectContaining({ reason: 'PROMPT_TOO_LONG', message: expect.stringContaining(`within ${maxLength}`) }),
    );
  }
});
