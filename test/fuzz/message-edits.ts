import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { indexOf, place } from './places.ts';

/** Changes of a protobuf message that leave it one: what is around a changed field has the right length. */

/** What is done to a field somewhere in the message, however deep. */
export type MessageEdit = { readonly at: number } & (
  | { readonly kind: 'remove' }
  | { readonly kind: 'repeat'; readonly times: number }
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'bytes'; readonly bytes: readonly number[] }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'rename'; readonly field: number }
);

const MOST_REPETITIONS = 2_000;
const byte = fc.nat({ max: 255 });
const EXTREMES = [0n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

export const messageEdit: fc.Arbitrary<MessageEdit> = fc.oneof(
  fc.record({ at: place, kind: fc.constant('remove' as const) }),
  fc.record({ at: place, kind: fc.constant('repeat' as const), times: fc.integer({ min: 2, max: MOST_REPETITIONS }) }),
  fc.record({
    at: place,
    kind: fc.constant('number' as const),
    value: fc.oneof(fc.constantFrom(...EXTREMES), fc.bigInt({ min: 0n, max: 300n })),
  }),
  fc.record({
    at: place,
    kind: fc.constant('bytes' as const),
    bytes: fc.oneof(
      fc.array(byte, { maxLength: 32 }),
      fc.constantFrom('../up', '/etc', 'a\0b', '\u{1f388}'.repeat(99)).map((text) => [...Buffer.from(text)]),
    ),
  }),
  fc.record({ at: place, kind: fc.constant('double' as const), value: fc.double() }),
  fc.record({ at: place, kind: fc.constant('rename' as const), field: fc.integer({ min: 1, max: 16 }) }),
);

interface Field {
  number: number;
  type: WireType;
  /** Of a field with a length: its fields where it reads like a message, else its bytes. Of others: as they stand. */
  content: Field[] | Uint8Array;
}

/** The message after an edit; as it was where it is none. */
export function editMessage(bytes: Uint8Array, edit: MessageEdit): Uint8Array {
  const fields = parse(bytes);
  if (fields === undefined) return bytes;
  const places = allPlaces(fields);
  const chosen = places[indexOf(edit.at, places.length)];
  if (chosen === undefined) return bytes;
  const { siblings, index } = chosen;
  siblings.splice(index, 1, ...edited(siblings[index] as Field, edit));
  return encode(fields);
}

function edited(field: Field, edit: MessageEdit): Field[] {
  const { number } = field;
  switch (edit.kind) {
    case 'remove':
      return [];
    case 'repeat':
      return Array<Field>(edit.times).fill(field);
    case 'number':
      return [{ number, type: WireType.Varint, content: new BinaryWriter().uint64(edit.value).finish() }];
    case 'bytes':
      return [{ number, type: WireType.LengthDelimited, content: Uint8Array.from(edit.bytes) }];
    case 'double':
      return [{ number, type: WireType.Bit64, content: new BinaryWriter().double(edit.value).finish() }];
    case 'rename':
      return [{ ...field, number: edit.field }];
  }
}

function parse(bytes: Uint8Array): Field[] | undefined {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  try {
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      const start = reader.pos;
      if (type === WireType.LengthDelimited) {
        const inner = reader.bytes();
        fields.push({ number, type, content: (inner.length > 1 ? parse(inner) : undefined) ?? inner });
      } else {
        reader.skip(type, number);
        fields.push({ number, type, content: bytes.subarray(start, reader.pos) });
      }
    }
    return fields;
  } catch {
    return undefined;
  }
}

function allPlaces(siblings: Field[]): { siblings: Field[]; index: number }[] {
  return siblings.flatMap(({ content }, index) => [
    { siblings, index },
    ...(Array.isArray(content) ? allPlaces(content) : []),
  ]);
}

function encode(fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { number, type, content } of fields) {
    writer.tag(number, type);
    const bytes = Array.isArray(content) ? encode(content) : content;
    if (type === WireType.LengthDelimited) writer.bytes(bytes);
    else writer.raw(bytes);
  }
  return writer.finish();
}
