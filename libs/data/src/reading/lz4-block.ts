const LENGTH_CONTINUES = 15;
const LEAST_MATCH = 4;
const HADOOP_HEADER_BYTES = 8;

/** An LZ4 block of so many bytes unpacked: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md. Errors: RangeError where it is damaged. */
export function unpackLz4Block(block: Uint8Array, length: number): Uint8Array {
  const input = Buffer.from(block.buffer, block.byteOffset, block.length);
  const output = new Uint8Array(length);
  let [at, written] = [0, 0];
  const extended = (low: number) => {
    let total = low;
    for (let more = low === LENGTH_CONTINUES; more; at++) {
      total += input.readUInt8(at);
      more = input[at] === 255;
    }
    return total;
  };
  while (at < input.length) {
    const token = input.readUInt8(at++);
    const literals = extended(token >>> 4);
    if (at + literals > input.length || written + literals > length)
      throw new RangeError('LZ4: literals are truncated');
    output.set(input.subarray(at, at + literals), written);
    at += literals;
    written += literals;
    // The last sequence has no match.
    if (at === input.length) break;
    const distance = input.readUInt16LE(at);
    at += 2;
    const end = written + extended(token & LENGTH_CONTINUES) + LEAST_MATCH;
    if (distance === 0 || distance > written || end > length) throw new RangeError('LZ4: a match beyond its block');
    // Byte by byte: a match may overlap what it writes.
    for (; written < end; written++) output[written] = output[written - distance] as number;
  }
  if (written !== length) throw new RangeError(`LZ4: ${written} bytes where ${length} should be`);
  return output;
}

/** Blocks as Hadoop frames them, which Parquet's older codec of the name LZ4 stands for; some writers leave the frame out. */
export function unpackHadoopLz4(framed: Uint8Array, length: number): Uint8Array {
  const input = Buffer.from(framed.buffer, framed.byteOffset, framed.length);
  const output = new Uint8Array(length);
  let [at, written] = [0, 0];
  while (at + HADOOP_HEADER_BYTES <= input.length) {
    const [unpackedLength, packedLength] = [input.readUInt32BE(at), input.readUInt32BE(at + 4)];
    const begin = at + HADOOP_HEADER_BYTES;
    if (begin + packedLength > input.length || written + unpackedLength > length) return unpackLz4Block(framed, length);
    output.set(unpackLz4Block(input.subarray(begin, begin + packedLength), unpackedLength), written);
    at = begin + packedLength;
    written += unpackedLength;
  }
  return at === input.length && written === length ? output : unpackLz4Block(framed, length);
}
