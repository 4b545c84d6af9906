/** What a pair's part of the loss depends on besides the pair itself: the counts that it is divided by, whatever the weights. */
export interface BatchTotals {
  readonly batchPairs: number;
  /** Tokens of the chosen responses of all pairs of the batch. */
  readonly batchChosenTokens: number;
}

/** The totals of pairs that are a whole batch. */
export function batchTotals(pairs: readonly { readonly chosen: { readonly length: number } }[]): BatchTotals {
  return { batchPairs: pairs.length, batchChosenTokens: pairs.reduce((sum, { chosen }) => sum + chosen.length, 0) };
}
