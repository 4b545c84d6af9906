export { Backoff } from './backoff.ts';
export { canonicalJson, sha256, sha256OfAll } from './digest.ts';
export { AlphapoError, type ErrorCode, messageOf, printable, unreachable } from './errors.ts';
export { formatHostAndPort, type HostAndPort, parseHostAndPort } from './host-and-port.ts';
export { memoryLimit, peakMemory } from './memory.ts';
export { nearestWord } from './nearest-word.ts';
export { type Random, seededRandom } from './random.ts';
export { MAX_RECORD_BYTES } from './record-limit.ts';
export { Secret } from './secret.ts';
export {
  BYTES_PER_ELEMENT,
  type DataType,
  elementCount,
  type FloatTensor,
  type FloatTensors,
  floatTensor,
  sameShape,
} from './tensor.ts';
export { LONGEST_TIMER_MS, timerMs } from './timers.ts';
export { unlessAborted, untilAborted, within } from './waiting.ts';
export { fromWireError, toWireError, type WireError } from './wire-error.ts';
export { decompressZstd } from './zstd.ts';
