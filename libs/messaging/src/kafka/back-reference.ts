import { AlphapoError } from '@alphapo/base';

/**
 * Repeats `length` bytes that begin `distance` bytes before the end of what is written, as LZ77 formats do; the range
 * may overlap with what is being written. Returns the new end.
 */
export function copyBack(output: Buffer, written: number, distance: number, length: number): number {
  if (distance === 0 || distance > written || written + length > output.length) {
    throw damagedRecords('a reference points outside the data');
  }
  const from = written - distance;
  if (distance >= length) output.copyWithin(written, from, from + length);
  else for (let i = 0; i < length; i++) output[written + i] = output[from + i] as number;
  return written + length;
}

export function damagedRecords(what: string): AlphapoError {
  return new AlphapoError('data-loss', 'COMPRESSED_RECORDS_DAMAGED', `records cannot be decompressed: ${what}`);
}
