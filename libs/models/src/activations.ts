import { add, mul, sigmoid, tanh, type Value } from '@alphapo/graph';

/** x * sigmoid(x). arXiv:1702.03118. */
export const silu = (x: Value): Value => mul(x, sigmoid(x));

/** GELU by its tanh approximation. arXiv:1606.08415. */
export function geluTanh(x: Value): Value {
  const cubic = mul(mul(mul(x, x), x), 0.044715);
  return mul(mul(x, 0.5), add(tanh(mul(add(x, cubic), Math.sqrt(2 / Math.PI))), 1));
}
