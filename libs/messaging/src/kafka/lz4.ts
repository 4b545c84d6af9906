import { copyBack, damagedRecords } from './back-reference.ts';

const MAGIC = 0x184d2204;
const BLOCK_CHECKSUM_FLAG = 0x10;
const CONTENT_SIZE_FLAG = 0x08;
const DICTIONARY_FLAG = 0x01;
const UNCOMPRESSED_BLOCK = 0x80000000;
/** Maximum sizes of a block by the descriptor's three bits. */
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 };

/** An LZ4 frame as Kafka uses it. Checksums are not verified: the broker did, and TCP has its own. */
export function decompressLz4Frame(data: Buffer): Buffer {
  if (data.readUInt32LE(0) !== MAGIC) throw damagedRecords('LZ4: not an LZ4 frame');
  const flags = data.readUInt8(4);
  if (flags & DICTIONARY_FLAG) throw damagedRecords('LZ4: an LZ4 frame with a dictionary');
  const blockBytes = BLOCK_BYTES[(data.readUInt8(5) >>> 4) & 7];
  if (blockBytes === undefined) throw damagedRecords('LZ4: an unknown block size');
  let at = 7 + (flags & CONTENT_SIZE_FLAG ? 8 : 0);
  // Blocks may refer to those before them, so all are written into one buffer that grows.
  let output = Buffer.allocUnsafe(blockBytes);
  let written = 0;
  for (;;) {
    const header = data.readUInt32LE(at);
    at += 4;
    if (header === 0) return output.subarray(0, written);
    const length = header & ~UNCOMPRESSED_BLOCK;
    if (written + blockBytes > output.length) {
      output = Buffer.concat([output.subarray(0, written)], Math.max(output.length * 2, written + blockBytes));
    }
    const block = data.subarray(at, at + length);
    written = header & UNCOMPRESSED_BLOCK ? written + block.copy(output, written) : writeBlock(block, output, written);
    at += length + (flags & BLOCK_CHECKSUM_FLAG ? 4 : 0);
  }
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
function writeBlock(block: Buffer, output: Buffer, start: number): number {
  let at = 0;
  let written = start;
  const extended = (length: number) => {
    let total = length;
    if (length === 15) {
      let byte: number;
      do {
        byte = block.readUInt8(at++);
        total += byte;
      } while (byte === 255);
    }
    return total;
  };
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const literals = extended(token >>> 4);
    if (at + literals > block.length) throw damagedRecords('LZ4: literals beyond their block');
    written += block.copy(output, written, at, at + literals);
    at += literals;
    if (at >= block.length) break;
    const distance = block.readUInt16LE(at);
    at += 2;
    written = copyBack(output, written, distance, extended(token & 15) + 4);
  }
  return written;
}
