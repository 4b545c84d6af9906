import {
  abs,
  add,
  customDerivative,
  div,
  equal,
  exp,
  log,
  max,
  min,
  mul,
  neg,
  sub,
  tanh,
  type Value,
  where,
} from '@alphapo/graph';

/**
 * Largest exponent that is formed in float64: exp(600) is about 4e260, so that products with beta / alpha and sums over
 * a batch still fit. Beyond it a reward is constant and its gradient 0.
 */
const MAX_EXPONENT = 600;

/** exp(x) - 1 without cancellation near 0: tanh(x / 2) (exp(x) + 1). Its derivative is exp(x). x is clamped. */
export function expm1(x: Value): Value {
  const clamped = max(min(x, MAX_EXPONENT), -MAX_EXPONENT);
  const value = mul(tanh(mul(clamped, 0.5)), add(exp(clamped), 1));
  return customDerivative(value, [clamped], (gradient) => [mul(gradient, exp(clamped))]);
}

/** log(1 + y) for y in [0, 1], exact for tiny y (Kahan's correction of the rounding of 1 + y). */
function log1p(y: Value): Value {
  const u = add(y, 1);
  const lost = equal(u, 1);
  return where(lost, y, div(mul(log(u), y), where(lost, 1, sub(u, 1))));
}

/**
 * 1 / (1 + exp(-x)), exact for any x. ONNX Runtime's own Sigmoid takes 1 - s(-x) for a negative x: 8 digits are left at
 * -20, none at -37, so that the gradient of a well separated pair would be 0.
 */
function logistic(x: Value): Value {
  return div(exp(min(x, 0)), add(exp(neg(abs(x))), 1));
}

/** log(1 + exp(x)), for any x. Its derivative is the logistic function. */
export function softplus(x: Value): Value {
  const value = add(max(x, 0), log1p(exp(neg(abs(x)))));
  return customDerivative(value, [x], (gradient) => [mul(gradient, logistic(x))]);
}

/** The largest log-probability whose odds are formed: those of 0 are infinite, and rounding may even give more than 0. */
const MAX_LOG_PROB = -(2 ** -50);

/**
 * log(p / (1 - p)) of p = exp(l), for a log-probability l: l - log(1 - exp(l)), with 1 - exp(l) formed as -expm1(l), which
 * keeps its digits near 0; far from it the logarithm is a small part of the difference. Its derivative is 1 / (1 - exp(l)).
 * l is clamped to -2^-50.
 */
export function logOdds(l: Value): Value {
  const clamped = min(l, MAX_LOG_PROB);
  const rest = neg(expm1(clamped));
  return customDerivative(sub(clamped, log(rest)), [clamped], (gradient) => [div(gradient, rest)]);
}
