import { AlphapoError } from '@alphapo/base';
import { status } from '@grpc/grpc-js';
import type { Method } from './handlers.ts';
import { fromServiceError } from './status.ts';
import { type CallSettings, cancelled, type Transport, timeLimit } from './transport.ts';

/**
 * Calls that stay in the process: the handler's own messages are handed over, neither serialized nor copied. Neither side
 * may change them afterwards, except as the method says. Otherwise such a call is like any other: it has a deadline, can
 * be cancelled, is waited for when the server stops, and fails with the same errors.
 */

type Methods = Readonly<Record<string, Method>>;

const SCHEME = 'in-process:';
/** The servers of this process, by host and port. */
const servers = new Map<string, Methods>();

/** The address by which a server of this process, at this host and port, is called within the process. */
export function inProcess(hostAndPort: string): string {
  return SCHEME + hostAndPort;
}

/** Host and port where an address is one of `inProcess`. */
export function inProcessAddress(address: string): string | undefined {
  return address.startsWith(SCHEME) ? address.slice(SCHEME.length) : undefined;
}

/** Takes calls within the process until it is disposed of. */
export function offerInProcess(hostAndPort: string, methods: Methods): Disposable {
  servers.set(hostAndPort, methods);
  return { [Symbol.dispose]: () => void servers.delete(hostAndPort) };
}

export function inProcessTransport(hostAndPort: string): Transport {
  const call = (method: string, request: unknown, settings: CallSettings) =>
    answers(hostAndPort, method, request, settings);
  return {
    kind: 'in-process',
    async unary(method, request, settings) {
      for await (const answer of call(method, request, settings)) return answer;
      throw new AlphapoError('internal', 'NO_ANSWER', `${hostAndPort} did not answer ${method}`);
    },
    serverStream: call,
    [Symbol.dispose]: () => {},
  };
}

async function* answers(
  address: string,
  name: string,
  request: unknown,
  { signal, timeoutMs }: CallSettings,
): AsyncGenerator<unknown> {
  if (signal?.aborted) throw cancelled(address);
  const method = servers.get(address)?.[name];
  if (method === undefined)
    throw fromServiceError({ code: status.UNAVAILABLE, details: 'no server is there' }, address);
  const stop = new AbortController();
  const { promise: left, reject } = Promise.withResolvers<never>();
  left.catch(() => {});
  const leave = (error: AlphapoError) => {
    reject(error);
    stop.abort(new AlphapoError('cancelled', 'CANCELLED', 'the client canceled the call or its deadline passed'));
  };
  const cancel = () => leave(cancelled(address));
  const limitMs = timeLimit({ timeoutMs });
  const late = { code: status.DEADLINE_EXCEEDED, details: `there was no answer within ${limitMs} ms` };
  const timer = limitMs === undefined ? undefined : setTimeout(() => leave(fromServiceError(late, address)), limitMs);
  signal?.addEventListener('abort', cancel, { once: true });
  const deadline = limitMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + limitMs;
  const context = { signal: stop.signal, peer: 'in-process', method: name, deadline, authorization: undefined };
  const iterator = method.answer(request as never, context)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), left]);
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw error instanceof AlphapoError ? error : fromServiceError(error, address);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
    cancel();
    iterator.return?.().catch(() => {});
  }
}
