import { BaseServerInterceptingCall } from '@grpc/grpc-js/build/src/server-interceptors.js';

/**
 * Repairs a bug of grpc-js. A server of grpc-js 1.14 puts a call's deadline into a 32-bit timer: a deadline of more than 24.8
 * days ends the call at once with DEADLINE_EXCEEDED.
 */
export function repairGrpcJs(): void {
  const calls = BaseServerInterceptingCall.prototype as unknown as {
    handleTimeoutHeader: TakeTimeout;
    [REPAIRED]?: true;
  };
  if (calls[REPAIRED]) return;
  calls[REPAIRED] = true;
  const takeTimeout = calls.handleTimeoutHeader;
  calls.handleTimeoutHeader = function (header) {
    return takeTimeout.call(this, withinTimers(String(header)));
  };
}

type TakeTimeout = (this: unknown, header: unknown) => void;
const REPAIRED = Symbol('repaired');

/** Hours, minutes and seconds beyond which a timer would fire at once. Smaller units never get there with their 8 digits. */
const MOST: Readonly<Record<string, number>> = { H: 596, M: 35_791, S: 2_147_483 };

/** A `grpc-timeout` header that a timer can hold; those that are none are left to grpc-js. */
export function withinTimers(header: string): string {
  const [, digits, unit = ''] = /^(\d{1,8})\s*([HMS])$/.exec(header) ?? [];
  const most = MOST[unit];
  return most !== undefined && Number(digits) > most ? `${most}${unit}` : header;
}
