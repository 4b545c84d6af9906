import { AlphapoError, type ErrorCode, messageOf } from './errors.ts';

/** An error as it crosses between threads, which know no classes of each other. */
export interface WireError {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** An error that is not ours becomes an internal one with the given reason, and its stack as the message. */
export function toWireError(error: unknown, reason: string): WireError {
  if (error instanceof AlphapoError) {
    return { code: error.code, reason: error.reason, message: error.message, metadata: error.metadata };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  return { code: 'internal', reason, message, metadata: {} };
}

export function fromWireError({ code, reason, message, metadata }: WireError): AlphapoError {
  return new AlphapoError(code, reason, message, { metadata });
}
