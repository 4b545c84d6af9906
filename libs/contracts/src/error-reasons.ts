/** Reason of a scorer's error (code `unavailable`) where it is the optimizer that does not answer, and not the scorer. */
export const OPTIMIZER_UNAVAILABLE = 'OPTIMIZER_UNAVAILABLE';
