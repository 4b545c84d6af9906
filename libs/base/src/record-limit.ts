/** The largest record that topics made here accept, in `preferences` as well as batches. Larger ones cannot be sent. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;
