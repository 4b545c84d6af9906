import { AlphapoError } from '@alphapo/base';

/** Which checkpoints of a run are kept. The newest intact one is kept in any case. */
export interface CheckpointRetention {
  /** The newest so many. */
  readonly newest: number;
  /** Also those of every so many steps, for good; undefined: none. */
  readonly everySteps?: number | undefined;
}

/** The checkpoints, given by growing step, that a retention does not ask for. Errors: INVALID_KEEP. */
export function expired<T extends { readonly step: number }>(
  checkpoints: readonly T[],
  { newest, everySteps }: CheckpointRetention,
): readonly T[] {
  for (const count of [newest, everySteps ?? 1]) {
    if (Number.isSafeInteger(count) && count >= 1) continue;
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_KEEP',
      `checkpoints-kept and checkpoint-kept-every must be integers of at least 1, not ${count}`,
    );
  }
  return checkpoints.slice(0, -newest).filter(({ step }) => everySteps === undefined || step % everySteps !== 0);
}
