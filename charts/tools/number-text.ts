/** Part of a JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

const EXPONENT = '([eE][-+]?[0-9]{1,3})?';

/**
 * The schema of a number, which may also be given as text: Helm hands over `--set a=0.5` as text, and `--set-string a=3` too. A schema of
 * anything else is returned as it is.
 */
export function orAsText(schema: Schema): Schema {
  if (schema.type !== 'number' && schema.type !== 'integer') return schema;
  return { ...schema, type: [schema.type, 'string'], pattern: `^${patternOf(schema)}$` };
}

/** Texts of the numbers that a schema allows. Bounds other than 0 and 1 are left to whoever reads the number. */
function patternOf({ type, minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Schema): string {
  const isPositive = exclusiveMinimum === 0 || Number(minimum) > 0;
  if (type === 'integer') return isPositive ? '0*[1-9][0-9]*' : '[0-9]+';
  if (Number(maximum ?? exclusiveMaximum) <= 1) {
    const one = maximum === 1 ? '|0*1(\\.0*)?' : '';
    return `(0+(\\.[0-9]*)?|0*\\.[0-9]+|[0-9](\\.[0-9]*)?[eE]-[0-9]{1,3}${one})`;
  }
  if (isPositive) return `([0-9]*[1-9][0-9]*(\\.[0-9]*)?|[0-9]*\\.[0-9]*[1-9][0-9]*)${EXPONENT}`;
  const sign = minimum === 0 ? '' : '[-+]?';
  return `${sign}([0-9]+(\\.[0-9]*)?|\\.[0-9]+)${EXPONENT}`;
}
