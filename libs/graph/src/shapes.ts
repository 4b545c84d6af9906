import { AlphapoError } from '@alphapo/base';
import type { Dimension, Shape } from './value.ts';

/** A wrong use of an operator: a mistake in the program that builds the graph, not in a user's input. */
export function shapeError(operator: string, problem: string): never {
  throw new AlphapoError('internal', 'GRAPH_SHAPE', `${operator}: ${problem}`);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function equalShapes(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** NumPy's broadcasting over dimensions of which some are names: equal names are equal extents, 1 stretches. */
export function broadcast(operator: string, a: Shape, b: Shape): Dimension[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    return shapeError(operator, `${showShape(a)} and ${showShape(b)} do not broadcast`);
  });
}

/** The axes of `from` along which a tensor of shape `to` was stretched to give it. */
export function stretchedAxes(from: Shape, to: Shape): number[] {
  const extra = from.length - to.length;
  return from.flatMap((dimension, axis) => (axis < extra || (to[axis - extra] === 1 && dimension !== 1) ? [axis] : []));
}

/** The extent of numbers multiplied; names are joined in order, so that equal products are equal names. */
export function productOf(dimensions: Shape): Dimension {
  const names = dimensions.filter((dimension) => typeof dimension === 'string').sort();
  const factor = dimensions.reduce<number>((product, d) => (typeof d === 'number' ? product * d : product), 1);
  if (names.length === 0 || factor === 0) return factor;
  return factor === 1 ? names.join('*') : [factor, ...names].join('*');
}
