/** Largest message taken or sent, in bytes. Tensors travel in smaller chunks; a batch of token ids fits well. */
export const MAX_MESSAGE_BYTES = 16 * 2 ** 20;

/** Bytes of tensor data in a chunk: well below gRPC's default limit of 4 MiB, so that any client can take it. */
export const CHUNK_BYTES = 2 * 2 ** 20;
