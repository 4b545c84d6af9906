import {
  add,
  cast,
  customDerivative,
  inFloat32,
  isNarrow,
  mul,
  sigmoid,
  sub,
  tanh,
  type Value,
  widened,
} from '@alphapo/graph';

/** x * sigmoid(x), arXiv:1702.03118. With y = x s its derivative is y + s (1 - y): fewer passes over memory than by parts. */
export function silu(x: Value): Value {
  const s = sigmoid(x);
  const y = mul(x, s);
  return customDerivative(y, [x], (gradient) => {
    // For large x a small difference of large numbers, which narrow types round too coarsely.
    const [wide, slope] = [isNarrow(x.type) ? mul(widened(x), widened(s)) : y, widened(s)];
    return [cast(mul(widened(gradient), add(wide, mul(slope, sub(1, wide)))), x.type)];
  });
}

const SLOPE = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/**
 * GELU by its tanh approximation, arXiv:1606.08415: y = x (1 + t) / 2 with t = tanh(u), u = c (x + d x^3). In float32 at
 * least: the cube of 41 is more than float16 holds.
 */
export const geluTanh = (x: Value): Value => inFloat32(x, wideGelu);

function wideGelu(x: Value): Value {
  const square = mul(x, x);
  const t = tanh(mul(x, add(mul(square, SLOPE * CUBIC), SLOPE)));
  const half = mul(add(t, 1), 0.5);
  return customDerivative(mul(x, half), [x], (gradient) => {
    // y' = (1 + t) / 2 + x / 2 (1 - t^2) c (1 + 3 d x^2), where (1 - t^2) / 2 = 2 h (1 - h) for h = (1 + t) / 2.
    const slope = mul(x, add(mul(square, 6 * SLOPE * CUBIC), 2 * SLOPE));
    return [mul(gradient, mul(half, add(mul(slope, sub(1, half)), 1)))];
  });
}
