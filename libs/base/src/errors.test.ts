import { AlphapoError, printable } from './errors.ts';

test('what a hostile file is called fills no header: message and metadata are shortened, the way out stays', () => {
  const name = 'n'.repeat(1_000_000);
  const error = new AlphapoError('data-loss', 'DAMAGED', `a.json: tensor ${name} is damaged: fetch it again`, {
    metadata: { tensor: name },
  });
  expect(error.message).toMatch(/^a\.json: tensor nnn.*… \(1000042 characters\) … .*is damaged: fetch it again$/);
  expect(error.message).toHaveLength(2_000);
  expect(error.metadata.tensor).toHaveLength(500);
});

test('shortening leaves whole characters', () => {
  for (const length of [100, 101]) expect(printable('🙂'.repeat(200), length).isWellFormed()).toBe(true);
  expect(printable('🙂', 2)).toBe('🙂');
  expect(printable('\ud83d')).toBe('\ufffd');
});

test('what a terminal would obey is shown instead', () => {
  expect(printable('a\u001b[2Jb\u0000\u202ec\nd')).toBe('a\\u001b[2Jb\\u0000\\u202ec\nd');
  expect(printable('\u0000'.repeat(1_000)).length).toBeLessThanOrEqual(2_000);
});
