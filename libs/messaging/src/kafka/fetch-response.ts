import type { AbortedTransaction } from './record-batches.ts';

/** A partition's part of a fetch response, its record batches still as bytes. */
interface FetchedPartition {
  readonly errorCode: number;
  /** The end for readers of all records, and for those of committed ones: less while a transaction is open. */
  readonly highWatermark: bigint;
  readonly lastStableOffset: bigint;
  readonly logStartOffset: bigint;
  readonly aborted: readonly AbortedTransaction[];
  readonly batches: Buffer;
}

export interface FetchResponse {
  readonly errorCode: number;
  readonly clientSideThrottleTime: number;
  /** The one partition that was asked for; absent in a response that is an error as a whole, and where the client is throttled. */
  readonly partition: FetchedPartition | undefined;
}

/**
 * Decodes a response to Fetch, version 11, for a request with one topic and one partition.
 * https://kafka.apache.org/protocol#The_Messages_Fetch
 */
export function decodeFetchResponse(payload: Buffer): FetchResponse {
  const clientSideThrottleTime = payload.readInt32BE(0);
  const errorCode = payload.readInt16BE(4);
  let at = 10; // throttle time, error and session id
  const topics = payload.readInt32BE(at);
  at += 4;
  if (topics < 1) return { errorCode, clientSideThrottleTime, partition: undefined };
  at += 2 + payload.readInt16BE(at); // the topic's name
  at += 4 + 4; // the number of partitions, and which it is
  const partitionError = payload.readInt16BE(at);
  const highWatermark = payload.readBigInt64BE(at + 2);
  const lastStableOffset = payload.readBigInt64BE(at + 10);
  const logStartOffset = payload.readBigInt64BE(at + 18);
  const abortedCount = payload.readInt32BE(at + 26);
  at += 30;
  const aborted: AbortedTransaction[] = [];
  for (let i = 0; i < abortedCount; i++, at += 16) {
    aborted.push({ producerId: payload.readBigInt64BE(at), firstOffset: payload.readBigInt64BE(at + 8) });
  }
  at += 4; // the preferred replica
  const length = Math.max(0, payload.readInt32BE(at));
  const batches = payload.subarray(at + 4, at + 4 + length);
  return {
    errorCode,
    clientSideThrottleTime,
    partition: { errorCode: partitionError, highWatermark, lastStableOffset, logStartOffset, aborted, batches },
  };
}
