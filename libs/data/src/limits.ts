/** Batches and steps name all of their pairs in one record. */
export const MAX_ID_LENGTH = 1000;
