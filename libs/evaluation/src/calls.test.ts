import fc from 'fast-check';
import { inCalls } from './calls.ts';

test('calls have all items in order, and are as large as both limits allow', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50_000 }));
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 8 }), (items, most) => {
      const calls = [...inCalls(items, most, (tokens) => tokens)];
      expect(calls.flat()).toEqual(items);
      const tokensOf = (call: readonly number[]) => call.reduce((sum, tokens) => sum + tokens, 0);
      for (const [i, call] of calls.entries()) {
        expect(call.length).toBeLessThanOrEqual(most);
        expect(call.length === 1 || tokensOf(call) <= 32_768).toBe(true);
        const [next] = calls[i + 1] ?? [];
        if (next !== undefined) expect(call.length === most || tokensOf(call) + next > 32_768).toBe(true);
      }
    }),
  );
});
