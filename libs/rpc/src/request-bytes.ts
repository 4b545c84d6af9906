import { AlphapoError } from '@alphapo/base';
import { type InterceptedCall, streamOf } from './call-stream.ts';

/** The bytes that the requests of a server hold together, from their arrival to the end of their calls. */
export class RequestBytes {
  readonly #limit: number;
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts a call's bytes as they come; `refuse` is called when they are more than there may be. Disposed of, they are let go. */
  count(call: InterceptedCall, refuse: (error: AlphapoError) => void): Disposable {
    let bytes = 0;
    const forget = onBytes(call, (more) => {
      bytes += more;
      this.#held += more;
      if (this.#held > this.#limit) refuse(tooManyBytes(this.#limit));
    });
    return {
      [Symbol.dispose]: () => {
        forget();
        this.#held -= bytes;
        bytes = 0;
      },
    };
  }
}

/** Refuses a request that has more bytes than this on its way. */
export function boundBytes(call: InterceptedCall, limit: number, refuse: (error: AlphapoError) => void): Disposable {
  let bytes = 0;
  const forget = onBytes(call, (more) => {
    bytes += more;
    if (bytes > limit) refuse(tooLarge(limit));
  });
  return { [Symbol.dispose]: forget };
}

/** The stream is paused until its call reads; listening to it leaves it so. */
function onBytes(call: InterceptedCall, counted: (bytes: number) => void): () => void {
  const stream = streamOf(call);
  const onData = ({ length }: Buffer) => counted(length);
  stream.on('data', onData);
  return () => stream.off('data', onData);
}

function tooManyBytes(limit: number): AlphapoError {
  return new AlphapoError(
    'resource-exhausted',
    'TOO_MANY_BYTES',
    `requests of ${limit} bytes are in progress; retry later`,
  );
}

function tooLarge(limit: number): AlphapoError {
  return new AlphapoError(
    'invalid-argument',
    'REQUEST_TOO_LARGE',
    `the request exceeds this method's limit of ${limit} bytes`,
  );
}
