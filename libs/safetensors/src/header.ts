import { AlphapoError, BYTES_PER_ELEMENT, type DataType, elementCount } from '@alphapo/base';
import { parseDataType, storedName } from './data-types.ts';
import { parseStrictJson } from './strict-json.ts';

/** The length field before the header: an unsigned little-endian 64-bit integer. */
export const LENGTH_BYTES = 8;
/** The reference implementation's limit; a longer header is an attack or not a safetensors file. */
export const MAX_HEADER_BYTES = 100_000_000;
/** Reserved: the key of free text pairs, never a tensor. */
export const METADATA_KEY = '__metadata__';
/** The widest vector loads of CPUs are 64 bytes; the format asks for 8. */
const DATA_ALIGNMENT = 64;

/** A tensor's place within the data section. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** From the start of the data section, in bytes. */
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their data. */
  readonly entries: readonly HeaderEntry[];
}

/** What a hostile or damaged file is called by: everything about its content is data loss to us. */
function malformed(reason: string, message: string): AlphapoError {
  return new AlphapoError(
    'data-loss',
    reason,
    `${message}: the file is damaged or not a safetensors file; fetch it again`,
  );
}

/**
 * Parses and checks a header (https://github.com/huggingface/safetensors#format). The entries cover the
 * `dataBytes` bytes of the data section without overlap or hole. `file` is for messages.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): Header {
  if (bytes[0] !== '{'.charCodeAt(0)) {
    throw malformed('INVALID_HEADER', `${file}: the header at offset ${LENGTH_BYTES} does not begin with {`);
  }
  const fields = parseStrictJson(bytes, `${file}: the header`);
  const { [METADATA_KEY]: metadata, ...tensors } = fields;
  const entries = Object.entries(tensors).map(([name, value]) => parseEntry(name, value, file));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, dataBytes, file);
  return { metadata: parseMetadata(metadata, file), entries };
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (isRecord(value) && Object.values(value).every((text) => typeof text === 'string')) {
    return value as Record<string, string>;
  }
  throw malformed('INVALID_METADATA', `${file}: ${METADATA_KEY} must map strings to strings`);
}

function parseEntry(name: string, value: unknown, file: string): HeaderEntry {
  const place = `${file}: tensor ${JSON.stringify(name)}`;
  if (!isRecord(value)) throw malformed('INVALID_TENSOR_ENTRY', `${place} is not described by an object`);
  const { dtype: stored, shape, data_offsets: offsets } = value;
  if (typeof stored !== 'string') throw malformed('INVALID_TENSOR_ENTRY', `${place} has no dtype`);
  const dtype = parseDataType(stored, place);
  if (!isSizes(shape)) {
    throw malformed(
      'INVALID_SHAPE',
      `${place}: shape ${JSON.stringify(shape)} is not a list of sizes from 0 to 2^53 - 1`,
    );
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw malformed('INVALID_OFFSETS', `${place}: data_offsets ${JSON.stringify(offsets)} is not [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const expected = elementCount(shape) * BYTES_PER_ELEMENT[dtype];
  if (!Number.isSafeInteger(expected)) {
    throw malformed('INVALID_SHAPE', `${place}: shape [${shape.join(', ')}] has more bytes than a file can hold`);
  }
  if (end - begin !== expected) {
    throw malformed(
      'TENSOR_SIZE_MISMATCH',
      `${place}: data_offsets [${begin}, ${end}] span ${end - begin} bytes, but ${stored} of shape [${shape.join(', ')}] has ${expected}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function checkCoverage(entries: readonly HeaderEntry[], dataBytes: number, file: string): void {
  let covered = 0;
  for (const { name, begin, end } of entries) {
    const place = `${file}: tensor ${JSON.stringify(name)} at data offset ${begin}`;
    if (begin < covered)
      throw malformed('OVERLAPPING_TENSORS', `${place} overlaps the one before, which ends at ${covered}`);
    if (begin > covered) throw malformed('HOLE_IN_DATA', `${place} leaves bytes from ${covered} on to no tensor`);
    if (end > dataBytes) {
      throw malformed('TRUNCATED_FILE', `${place} ends at ${end}, but the data section has ${dataBytes} bytes`);
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw malformed(
      'UNCOVERED_DATA',
      `${file}: ${dataBytes - covered} bytes after data offset ${covered} belong to no tensor`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether this is a list of sizes that a file can have. */
export function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0));
}

/**
 * Length field and header of a file: the inverse of `parseHeader`. Padded with spaces, so that the data section starts
 * at a multiple of 64 bytes. Equal arguments give equal bytes.
 */
export function serializeHeader({ metadata, entries }: Header): Uint8Array {
  // Member by member: an object would move names that look like numbers to the front.
  const members = entries.map(({ name, dtype, shape, begin, end }) => {
    const value = { dtype: storedName(dtype), shape, data_offsets: [begin, end] };
    return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  });
  if (Object.keys(metadata).length > 0) members.unshift(`"${METADATA_KEY}":${JSON.stringify(metadata)}`);
  const json = Buffer.from(`{${members.join(',')}}`);
  const total = Math.ceil((LENGTH_BYTES + json.length) / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  const bytes = Buffer.alloc(total, ' ');
  bytes.writeBigUInt64LE(BigInt(total - LENGTH_BYTES));
  json.copy(bytes, LENGTH_BYTES);
  return bytes;
}
