import fc from 'fast-check';
import { OffsetSet } from './offset-set.ts';

const offsets = fc.oneof(fc.bigInt(0n, 200n), fc.bigInt(65_530n, 65_550n), fc.bigInt(0n, 2n ** 63n - 1n));

test('it holds what a set holds, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), offsets)), (changes) => {
      const [expected, set] = [new Set<bigint>(), new OffsetSet()];
      for (const [isAdded, offset] of changes) {
        if (isAdded) expect(set.add(offset)).toBe(!expected.has(offset));
        else expect(set.delete(offset)).toBe(expected.has(offset));
        if (isAdded) expected.add(offset);
        else expected.delete(offset);
        expect(set.has(offset)).toBe(isAdded);
      }
      expect(set.size).toBe(expected.size);
      expect([...set]).toEqual([...expected].sort((a, b) => (a < b ? -1 : 1)));
    }),
  );
});
