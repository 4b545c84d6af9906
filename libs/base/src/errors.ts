/** Why an operation failed, in terms a caller can act on. Maps one to one onto gRPC status codes in `rpc`. */
export type ErrorCode =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'failed-precondition'
  | 'out-of-range'
  | 'resource-exhausted'
  | 'unavailable'
  | 'aborted'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'data-loss'
  | 'unimplemented'
  | 'internal';

/**
 * An error that names the thing, the place and the way out.
 *
 * `reason` is a stable SCREAMING_SNAKE_CASE identifier (as in google.rpc.ErrorInfo) for programs; `message` is for
 * people: what is wrong, where (file, offset, field) and what to do.
 */
export class AlphapoError extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    reason: string,
    message: string,
    options: { cause?: unknown; metadata?: Record<string, string> } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'AlphapoError';
    this.code = code;
    this.reason = reason;
    this.metadata = options.metadata ?? {};
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For switch statements over closed unions: a compile error where a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
