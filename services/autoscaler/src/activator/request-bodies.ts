import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { AlphapoError } from '@alphapo/base';

/** Bodies of up to this size are read before they are forwarded, and can be sent again. */
const WHOLE_BYTES = 2 ** 20;
/** Of all bodies that are in memory. */
const ALL_BYTES = 64 * 2 ** 20;

/** The body of a request over HTTP. */
export interface RequestBody {
  /** All of it, unless there is a rest. */
  readonly start: Buffer;
  /** What was not read, because the body is too large. */
  readonly rest: Readable | undefined;
}

/** Bodies of requests in memory, which are bounded together. */
export class RequestBodies {
  #bytes = 0;

  /** Reads a body until it is disposed of. Errors: TOO_MANY_BYTES (resource-exhausted); those of a connection that breaks. */
  async read(incoming: IncomingMessage): Promise<RequestBody & Disposable> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const forget = () => {
      this.#bytes -= bytes;
    };
    const bodyWith = (rest: Readable | undefined) => ({
      ...{ start: Buffer.concat(chunks), rest },
      [Symbol.dispose]: forget,
    });
    try {
      for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
        chunks.push(chunk);
        bytes += chunk.length;
        this.#bytes += chunk.length;
        if (this.#bytes > ALL_BYTES) throw tooManyBytes();
        if (bytes > WHOLE_BYTES) return bodyWith(incoming);
      }
      return bodyWith(undefined);
    } catch (error) {
      forget();
      throw error;
    }
  }
}

function tooManyBytes(): AlphapoError {
  const problem = `requests of ${ALL_BYTES} bytes are in progress; retry later`;
  return new AlphapoError('resource-exhausted', 'TOO_MANY_BYTES', problem);
}
