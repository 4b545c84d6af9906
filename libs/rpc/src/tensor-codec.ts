import {
  type GetPolicyResponse,
  type GradientResponse,
  OptimizerServiceDefinition,
  ScorerServiceDefinition,
  TensorChunk,
} from '@alphapo/contracts';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { methodPath } from './definition.ts';

/**
 * The generated code copies the data of a tensor's chunk about five times into a message, and once out of it. Here the
 * bytes on the wire are the same, and copied once: into the message. What comes out is a view of the message.
 */

/** Answers that are chunks of tensors, but for the first. */
type TensorResponse = GradientResponse | GetPolicyResponse;

/** Fields as in the .proto files: `chunk` of both answers, and `data` of TensorChunk. */
const CHUNK_FIELD = 2;
const DATA_FIELD = 5;
const TENSOR_STREAMS: ReadonlySet<string> = new Set([
  methodPath(ScorerServiceDefinition, 'gradient'),
  methodPath(OptimizerServiceDefinition, 'getPolicy'),
]);

/** The service with this way of writing and reading for the methods that answer with tensors. */
export function withTensorCodec(service: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      TENSOR_STREAMS.has(method.path) ? withCodec(method as MethodDefinition<unknown, TensorResponse>) : method,
    ]),
  );
}

function withCodec(method: MethodDefinition<unknown, TensorResponse>): MethodDefinition<unknown, TensorResponse> {
  const { responseSerialize, responseDeserialize } = method;
  return {
    ...method,
    responseSerialize: (response) =>
      response.part?.$case === 'chunk' && response.part.value.data.length > 0
        ? encodeChunk(response.part.value)
        : responseSerialize(response),
    responseDeserialize: (bytes) => {
      const value = decodeChunk(bytes);
      return value === undefined ? responseDeserialize(bytes) : { part: { $case: 'chunk', value } };
    },
  };
}

/** The answer with a chunk: head and data one after the other, in a buffer of just their size. */
function encodeChunk(chunk: TensorChunk): Buffer {
  const head = TensorChunk.encode({ ...chunk, data: NO_DATA }).finish();
  const { data } = chunk;
  const dataTag = new BinaryWriter().tag(DATA_FIELD, WireType.LengthDelimited).uint32(data.length).finish();
  const length = head.length + dataTag.length + data.length;
  const tag = new BinaryWriter().tag(CHUNK_FIELD, WireType.LengthDelimited).uint32(length).finish();
  return Buffer.concat([tag, head, dataTag, data]);
}

const NO_DATA = Buffer.alloc(0);

/** The chunk of an answer that is nothing else; undefined where it is another answer. */
function decodeChunk(bytes: Buffer): TensorChunk | undefined {
  if (bytes.length === 0) return undefined;
  const outer = new BinaryReader(bytes);
  const [field, type] = outer.tag();
  if (field !== CHUNK_FIELD || type !== WireType.LengthDelimited) return undefined;
  const inner = outer.bytes();
  if (outer.pos < outer.len) return undefined;
  let data: Uint8Array = NO_DATA;
  const head: Uint8Array[] = [];
  const reader = new BinaryReader(inner);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    if (number === DATA_FIELD && wireType === WireType.LengthDelimited) {
      data = reader.bytes();
    } else {
      reader.skip(wireType, number);
      head.push(inner.subarray(start, reader.pos));
    }
  }
  return { ...TensorChunk.decode(Buffer.concat(head)), data: Buffer.from(data.buffer, data.byteOffset, data.length) };
}
