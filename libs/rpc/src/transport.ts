import { AlphapoError, type Secret, timerMs } from '@alphapo/base';

export interface CallSettings {
  /** The longest wait for the end of the call; `none`: as long as the connection lives. */
  readonly timeoutMs: number | 'none';
  readonly signal?: AbortSignal | undefined;
  /** The authorization header of whoever the call is made for, or `none`; absent: the token of this process. */
  readonly authorization?: Secret | 'none' | undefined;
}

/** A way to a server. Errors are the server's own, or what became of the call, with the address. */
export interface Transport extends Disposable {
  /** Whether messages leave the process: then they are copied on the way, and may be damaged. */
  readonly kind: 'network' | 'in-process';
  unary(method: string, request: unknown, settings: CallSettings): Promise<unknown>;
  serverStream(method: string, request: unknown, settings: CallSettings): AsyncIterable<unknown>;
}

/** Milliseconds after which a call is given up, never more than timers know; undefined: never. */
export function timeLimit({ timeoutMs }: Pick<CallSettings, 'timeoutMs'>): number | undefined {
  return timeoutMs === 'none' ? undefined : timerMs(timeoutMs);
}

export function cancelled(address: string): AlphapoError {
  return new AlphapoError('cancelled', 'CANCELLED', `the call to ${address} was canceled`);
}
