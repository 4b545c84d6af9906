/**
 * Raise it with every change that may move the bits of a gradient or of an update: the operators of a graph and their order,
 * the sizes of blocks, packs and chunks, the sums of the optimizer. A run does not continue with another revision
 * (docs/decisions/0020-one-computation-per-run.md).
 */
export const ENGINE_REVISION = 2;
