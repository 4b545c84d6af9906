import { AlphapoError, type FloatTensors, sameShape } from '@alphapo/base';

/** Throws TENSORS_MISMATCH, naming the first tensor that only one of the two has or whose shapes differ. */
export function checkSameTensors(expected: FloatTensors, actual: FloatTensors, what: string): void {
  for (const [name, { shape }] of expected) {
    const other = actual.get(name);
    if (other === undefined) throw mismatch(name, `${what} lack tensor ${JSON.stringify(name)}`);
    if (!sameShape(shape, other.shape)) {
      const shapes = `[${other.shape.join(', ')}] instead of [${shape.join(', ')}]`;
      throw mismatch(name, `${what} have tensor ${JSON.stringify(name)} in shape ${shapes}`);
    }
  }
  if (actual.size === expected.size) return;
  const name = [...actual.keys()].find((key) => !expected.has(key)) as string;
  throw mismatch(name, `${what} have an unexpected tensor ${JSON.stringify(name)}`);
}

function mismatch(tensor: string, message: string): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'TENSORS_MISMATCH',
    `${message}: they belong to another model or another set of trained tensors`,
    { metadata: { tensor } },
  );
}
