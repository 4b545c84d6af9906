/** Largest message taken or sent, in bytes. Tensors travel in smaller chunks; a batch of token ids fits well. */
export const MAX_MESSAGE_BYTES = 16 * 2 ** 20;

/** Bytes of tensor data in a chunk: well below gRPC's default limit of 4 MiB, so that any client can take it. */
export const CHUNK_BYTES = 2 * 2 ** 20;

/**
 * Bytes that may be under way to a client before it has taken them. HTTP/2's default of 64 KiB is filled many times per
 * chunk, and each time the server waits for a round trip.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 4 * 2 ** 20;
