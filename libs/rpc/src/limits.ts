/** Largest message taken or sent, in bytes. Tensors travel in smaller chunks; a batch of token ids fits well. */
export const MAX_MESSAGE_BYTES = 16 * 2 ** 20;

/** Bytes of tensor data in a chunk: well below gRPC's default limit of 4 MiB, so that any client can take it. */
export const CHUNK_BYTES = 2 * 2 ** 20;

/**
 * Bytes that may be under way to a client before it has taken them. HTTP/2's default of 64 KiB is filled many times per
 * chunk, and each time the server waits for a round trip.
 */
export const FLOW_CONTROL_WINDOW_BYTES = 4 * 2 ** 20;

/** What a server takes from its clients. Besides these, Node limits a call's headers: 128 of them, and 64 KiB in all. */
export interface ServerLimits {
  /** Connections at a time; further ones are closed at once. */
  readonly connections: number;
  /** Calls at a time on one connection; a client keeps further ones to itself until others have ended. */
  readonly callsPerConnection: number;
  /** Calls at a time, waiting ones included; further ones are turned away with RESOURCE_EXHAUSTED. */
  readonly calls: number;
  /** Bytes of all requests at a time, until their calls have ended; further ones are turned away with RESOURCE_EXHAUSTED. */
  readonly requestBytes: number;
  /** How long a request may take to arrive, and an answer's message to be taken, in milliseconds. */
  readonly stallMs: number;
  /** A connection without calls is closed after this. Clients connect again by themselves. */
  readonly idleMs: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  connections: 2048,
  callsPerConnection: 1024,
  calls: 2048,
  requestBytes: 512 * 2 ** 20,
  stallMs: 60_000,
  idleMs: 10 * 60_000,
};

/** A peer that is gone without a word is noticed after the two together. */
export const KEEPALIVE = { 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 10_000 } as const;
