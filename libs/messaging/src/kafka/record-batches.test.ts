import { zstdCompressSync } from 'node:zlib';
import { decodeBatches } from './record-batches.ts';

const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const place = { topic: 't', partition: 0, fromOffset: 0n };

/** A batch of format 2 whose records have one-letter values; a control batch holds an abort marker. */
function batch(
  baseOffset: bigint,
  values: readonly string[],
  { attributes = 0, producerId = -1n, lastDelta = 0 } = {},
) {
  const key = attributes & CONTROL ? [8, 0, 0, 0, 0] : [1];
  const records = values.flatMap((value, delta) => {
    const body = [0, 0, delta * 2, ...key, 2, value.charCodeAt(0), 0];
    return [body.length * 2, ...body];
  });
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(baseOffset, 0);
  header.writeInt32BE(49 + records.length, 8);
  header.writeInt8(2, 16);
  header.writeInt16BE(attributes, 21);
  header.writeInt32BE(Math.max(lastDelta, values.length - 1), 23);
  header.writeBigInt64BE(1_700_000_000_000n, 27);
  header.writeBigInt64BE(producerId, 43);
  header.writeInt32BE(values.length, 57);
  return Buffer.concat([header, Buffer.from(records)]);
}

function shown(data: Buffer, aborted: Parameters<typeof decodeBatches>[2] = [], fromOffset = 0n) {
  const { records, nextOffset } = decodeBatches({ ...place, fromOffset }, data, aborted);
  return { values: records.map(({ offset, value }) => `${offset}${value}`), nextOffset };
}

test('records come with their offsets and times, from the wanted one on', () => {
  expect(shown(batch(5n, ['a', 'b', 'c']), [], 6n)).toEqual({ values: ['6b', '7c'], nextOffset: 8n });
  expect(decodeBatches(place, batch(5n, ['a']), []).records[0]).toMatchObject({
    timestampMs: 1_700_000_000_000,
    key: null,
  });
});

test('records are read from all frames of zstd', () => {
  const plain = batch(5n, ['a', 'b', 'c']);
  const records = plain.subarray(61);
  const frames = [records.subarray(0, 12), records.subarray(12)].map((part) => zstdCompressSync(part));
  const packed = Buffer.concat([plain.subarray(0, 61), ...frames]);
  packed.writeInt32BE(packed.length - 12, 8);
  packed.writeInt16BE(4, 21);
  expect(shown(packed)).toEqual({ values: ['5a', '6b', '7c'], nextOffset: 8n });
});

test('a batch that was emptied by the log cleaner is passed', () => {
  expect(shown(batch(3n, [], { lastDelta: 4 }))).toEqual({ values: [], nextOffset: 8n });
  expect(shown(Buffer.concat([batch(0n, [], { lastDelta: 9 }), batch(10n, ['a'])]))).toEqual({
    values: ['10a'],
    nextOffset: 11n,
  });
});

test('a batch that is cut off is left for the next fetch', () => {
  const whole = Buffer.concat([batch(0n, ['a']), batch(1n, ['b'])]);
  expect(shown(whole.subarray(0, whole.length - 1))).toEqual({ values: ['0a'], nextOffset: 1n });
  expect(shown(whole.subarray(0, 40))).toEqual({ values: [], nextOffset: undefined });
});

test('two aborted transactions that overlap are hidden, and what their producers commit later is not', () => {
  const [first, second] = [
    { attributes: TRANSACTIONAL, producerId: 1n },
    { attributes: TRANSACTIONAL, producerId: 2n },
  ];
  const marker = (producerId: bigint) => ({ attributes: TRANSACTIONAL | CONTROL, producerId });
  const data = Buffer.concat([
    batch(10n, ['b'], second),
    batch(11n, ['a'], first),
    batch(12n, ['x'], marker(1n)),
    batch(13n, ['c'], first),
    batch(14n, ['x'], marker(2n)),
    batch(15n, ['d'], second),
  ]);
  const aborted = [
    { producerId: 1n, firstOffset: 7n },
    { producerId: 2n, firstOffset: 8n },
  ];
  expect(shown(data, aborted, 10n)).toEqual({ values: ['13c', '15d'], nextOffset: 16n });
});
