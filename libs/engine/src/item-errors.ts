import { AlphapoError } from '@alphapo/base';

/**
 * An error of a call, with the caller's name for the item that it is about: the engine counts the items that it was given.
 * Errors about no item are returned as they are.
 */
export function namingItem(error: unknown, fieldOf: (item: number) => string): unknown {
  if (!(error instanceof AlphapoError) || error.metadata.item === undefined) return error;
  const field = fieldOf(Number(error.metadata.item));
  const message = error.message.replace(`item ${error.metadata.item}`, field);
  return new AlphapoError(error.code, error.reason, message, { metadata: { field }, cause: error });
}
