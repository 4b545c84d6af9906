import { setTimeout as sleep } from 'node:timers/promises';
import { AlphapoError } from '@alphapo/base';
import Encoder from 'kafkajs/src/protocol/encoder.js';
import errors from 'kafkajs/src/protocol/error.js';
import type { KafkaClients } from './client.ts';
import { disconnected } from './disconnected.ts';
import { kafkaFailure } from './failures.ts';

const OFFSET_FETCH_API_KEY = 9;
/** The first version that can ask for offsets which no open transaction is about to move (KIP-447); Kafka 2.5. */
const OFFSET_FETCH_VERSION = 7;
const UNSTABLE_OFFSET_COMMIT = 88;
/** What passes while a coordinator moves or loads. */
const PASSING = [UNSTABLE_OFFSET_COMMIT, 14, 15, 16];
const RETRY_DELAY_MS = 20;

/**
 * The committed offset of a group, waiting for transactions that move it to end; undefined where nothing was committed.
 *
 * After a fence the offsets of the transaction before are on their way: a broker applies them a moment after it has
 * answered the fence, and kafkajs's own request would give the offset from before, whose records are processed already.
 */
export async function stableOffset(
  clients: KafkaClients,
  { group, topic, partition }: { readonly group: string; readonly topic: string; readonly partition: number },
  patienceMs: number,
): Promise<bigint | undefined> {
  const cluster = clients.cluster();
  const deadline = performance.now() + patienceMs;
  try {
    await cluster.connect();
    for (;;) {
      const broker = await cluster.findGroupCoordinator({ groupId: group });
      if ((broker.versions[OFFSET_FETCH_API_KEY]?.maxVersion ?? 0) < OFFSET_FETCH_VERSION) {
        throw new AlphapoError(
          'unimplemented',
          'KAFKA_TOO_OLD',
          'the Kafka brokers are older than 2.5; use 2.5 or later',
        );
      }
      const { offset, errorCode } = await broker.connectionPool.send<StableOffset>({
        request: requestOf(group, topic, partition),
        response: { decode: async (payload: Buffer) => decodeResponse(payload), parse: async (decoded) => decoded },
      });
      if (errorCode === 0) return offset < 0n ? undefined : offset;
      if (!PASSING.includes(errorCode) || performance.now() > deadline) throw errors.createErrorFromCode(errorCode);
      await sleep(RETRY_DELAY_MS);
    }
  } catch (error) {
    throw kafkaFailure(`reading the offset of group "${group}"`, error);
  } finally {
    await disconnected(cluster);
  }
}

interface StableOffset {
  readonly offset: bigint;
  readonly errorCode: number;
  readonly clientSideThrottleTime: number;
}

/** OffsetFetch of a version with compact strings and arrays (length + 1) and tagged fields (none, a zero). */
function requestOf(group: string, topic: string, partition: number) {
  return {
    apiKey: OFFSET_FETCH_API_KEY,
    apiVersion: OFFSET_FETCH_VERSION,
    apiName: 'OffsetFetch',
    encode: async () => {
      const index = Buffer.alloc(4);
      index.writeInt32BE(partition);
      const parts = [
        NO_TAGS, // of the request's header
        compactString(group),
        unsignedVarint(2),
        compactString(topic),
        unsignedVarint(2),
        index,
        NO_TAGS,
        Buffer.from([1]), // require stable
        NO_TAGS,
      ];
      const encoder = new Encoder();
      encoder.writeBufferInternal(Buffer.concat(parts));
      return encoder;
    },
  };
}

const NO_TAGS = Buffer.from([0]);

function compactString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([unsignedVarint(bytes.length + 1), bytes]);
}

function unsignedVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** The answer for one topic and one partition. */
function decodeResponse(payload: Buffer): StableOffset {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = payload.readUInt8(at++);
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const skip = (bytes: number) => {
    at += Math.max(0, bytes);
  };
  skip(1); // the header's tags
  const clientSideThrottleTime = payload.readInt32BE(at);
  skip(4);
  if (varint() > 1) {
    skip(varint() - 1); // the topic's name
    if (varint() > 1) {
      skip(4); // the partition's index
      const offset = payload.readBigInt64BE(at);
      skip(8 + 4); // and the leader's epoch
      skip(varint() - 1); // metadata
      const errorCode = payload.readInt16BE(at);
      if (errorCode !== 0) return { offset: -1n, errorCode, clientSideThrottleTime };
      skip(2 + 1 + 1); // and the tags of partition and topic
      return { offset, errorCode: payload.readInt16BE(at), clientSideThrottleTime };
    }
    skip(1);
  }
  return { offset: -1n, errorCode: payload.readInt16BE(at), clientSideThrottleTime };
}
