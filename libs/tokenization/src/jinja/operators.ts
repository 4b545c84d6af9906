import {
  compare,
  Float,
  fail,
  isEqual,
  isIn,
  isList,
  numberOf,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

/** A binary operator other than `and` and `or`. Errors: TemplateError where Python has a TypeError. */
export function applyOperator(operator: string, left: Value, right: Value): Value {
  switch (operator) {
    case '==':
      return isEqual(left, right);
    case '!=':
      return !isEqual(left, right);
    case 'in':
      return isIn(left, right);
    case 'not in':
      return !isIn(left, right);
    case '~':
      return textOf(left) + textOf(right);
    case '<':
      return compare(defined(left), defined(right)) < 0;
    case '<=':
      return compare(defined(left), defined(right)) <= 0;
    case '>':
      return compare(defined(left), defined(right)) > 0;
    case '>=':
      return compare(defined(left), defined(right)) >= 0;
    default:
      return arithmetic(operator, defined(left), defined(right));
  }
}

export function negative(value: Value): Value {
  if (value instanceof Float) return new Float(-value.value);
  const number = numberOf(defined(value));
  return number === undefined ? fail(`bad operand type for unary -: '${typeName(value)}'`) : -number;
}

export function defined(value: Value): Value {
  return value instanceof Undefined ? fail(value.problem) : value;
}

function arithmetic(operator: string, left: Value, right: Value): Value {
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined && b !== undefined) {
    const result = numeric(operator, a, b);
    const isFloat = left instanceof Float || right instanceof Float || operator === '/' || (operator === '**' && b < 0);
    return isFloat ? new Float(result) : result;
  }
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right;
    if (isList(left) && isList(right)) return left.concat(right);
  }
  if (operator === '*' && typeof left === 'string' && typeof right === 'number') return left.repeat(Math.max(0, right));
  return fail(`unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
}

function numeric(operator: string, a: number, b: number): number {
  if (b === 0 && ['/', '//', '%'].includes(operator)) return fail('division by zero');
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return a - b * Math.floor(a / b);
    case '**':
      return a ** b;
    default:
      return fail(`unknown operator ${operator}`);
  }
}
