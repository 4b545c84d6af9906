import type { FloatTensor, FloatTensors } from '@alphapo/base';

/** Elements of the largest piece: a few milliseconds of work, much more than handing it to a thread costs. */
const PIECE_ELEMENTS = 2 ** 20;

/** Parts of arrays of one length, all cut at the same places. */
export function piecesOf<const T extends readonly Float32Array[]>(arrays: T): T[] {
  const length = arrays[0]?.length ?? 0;
  return Array.from(
    { length: Math.ceil(length / PIECE_ELEMENTS) },
    (_, i) =>
      arrays.map((array) =>
        array.subarray(i * PIECE_ELEMENTS, (i + 1) * PIECE_ELEMENTS),
      ) as readonly Float32Array[] as T,
  );
}

/** Consecutive pieces put together until they are worth handing to a thread. */
export function bundled<T>(pieces: readonly T[], elementsOf: (piece: T) => number): T[][] {
  const bundles: T[][] = [];
  let room = 0;
  for (const piece of pieces) {
    const elements = elementsOf(piece);
    if (elements > room) {
      bundles.push([]);
      room = PIECE_ELEMENTS;
    }
    bundles.at(-1)?.push(piece);
    room -= elements;
  }
  return bundles;
}

/** The tensors by name, whatever the order of the map: sums must not depend on it. */
export function byName(tensors: FloatTensors): (readonly [name: string, tensor: FloatTensor])[] {
  return [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
}
