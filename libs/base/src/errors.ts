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
  | 'unauthenticated'
  | 'permission-denied'
  | 'deadline-exceeded'
  | 'data-loss'
  | 'unimplemented'
  | 'internal';

/** Longest message and longest value of metadata: they travel in headers of gRPC and Kafka, and hostile names are long. */
const LONGEST_MESSAGE = 2_000;
const LONGEST_METADATA = 500;

/** What a terminal would obey instead of showing it. */
const CONTROL = /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu;

/**
 * A text of at most `longest` characters that a screen and a header can show, whatever it quotes: characters are whole,
 * control characters are escaped, and what is too much is left out of the middle.
 */
export function printable(text: string, longest: number = LONGEST_MESSAGE): string {
  return shortened(shortened(text, longest).replace(CONTROL, escaped), longest).toWellFormed();
}

function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const mark = ` … (${text.length} characters) … `;
  const tail = Math.floor(longest / 4);
  return text.slice(0, longest - mark.length - tail) + mark + text.slice(-tail);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * An error that names the thing, the place and the way out.
 *
 * `reason` is a stable SCREAMING_SNAKE_CASE identifier (as in google.rpc.ErrorInfo) for programs; `message` is for
 * people: what is wrong, where (file, offset, field) and what to do. Messages are made `printable`.
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
    super(printable(message), options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'AlphapoError';
    this.code = code;
    this.reason = reason;
    const metadata = Object.entries(options.metadata ?? {});
    this.metadata = Object.fromEntries(metadata.map(([key, value]) => [key, printable(value, LONGEST_METADATA)]));
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
