import fc from 'fast-check';
import { editContainedJson } from './contained-json.ts';
import { editJson, type JsonEdit, jsonEdit } from './json-edits.ts';
import { editMessage, type MessageEdit, messageEdit } from './message-edits.ts';
import { indexOf, place } from './places.ts';

/** Changes of files, drawn by fast-check: so that a failure shrinks to the few changes that it takes. */

/** The files of a folder by name. */
export type FolderImage = ReadonlyMap<string, Uint8Array>;

/** Places are within the file, whatever its length: every edit fits every file. */
type ByteEdit =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'set'; readonly at: number; readonly byte: number }
  | { readonly kind: 'truncate'; readonly at: number }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: readonly number[] }
  | { readonly kind: 'repeat'; readonly at: number; readonly length: number; readonly times: number }
  | { readonly kind: 'copy'; readonly from: number; readonly length: number; readonly at: number }
  | { readonly kind: 'length-field'; readonly value: bigint }
  | { readonly kind: 'replace-all'; readonly bytes: readonly number[] };

/** What stands in a file's place. */
export type FileForm = 'missing' | 'folder' | 'loop' | 'pipe' | 'endless';

export type Mutation = { readonly file: number } & (
  | { readonly layer: 'bytes'; readonly edit: ByteEdit }
  /** The JSON of the file: its text, what gzip packed, or the header of a safetensors file with its length set right. */
  | { readonly layer: 'json'; readonly edit: JsonEdit }
  /** The protobuf message of the file. */
  | { readonly layer: 'message'; readonly edit: MessageEdit }
  | { readonly layer: 'file'; readonly form: FileForm }
);

const byte = fc.nat({ max: 255 });

/** Headers are at the start of files, so every second place is near it. */
const NEAR_START = 512;

const byteEdit: fc.Arbitrary<ByteEdit> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat({ max: 7 }) }),
  fc.record({
    kind: fc.constant('set' as const),
    at: place,
    byte: fc.oneof(fc.constantFrom(0, 0x0a, 0x22, 0x5c, 0x7b, 0x7d, 0x80, 0xc0, 0xed, 0xff), byte),
  }),
  fc.record({ kind: fc.constant('truncate' as const), at: place }),
  fc.record({ kind: fc.constant('remove' as const), at: place, length: fc.nat({ max: 64 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: place, bytes: fc.array(byte, { maxLength: 16 }) }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: place,
    length: fc.nat({ max: 64 }),
    times: fc.integer({ min: 2, max: 200 }),
  }),
  fc.record({ kind: fc.constant('copy' as const), from: place, length: fc.nat({ max: 256 }), at: place }),
  fc.record({
    kind: fc.constant('length-field' as const),
    value: fc.oneof(
      fc.constantFrom(0n, 1n, 99_999_999n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: 0n, max: 4096n }),
    ),
  }),
  fc.record({ kind: fc.constant('replace-all' as const), bytes: fc.array(byte, { maxLength: 64 }) }),
);

const byteMutation: fc.Arbitrary<Mutation> = fc.record({
  file: place,
  layer: fc.constant('bytes' as const),
  edit: byteEdit,
});
const contentMutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ file: place, layer: fc.constant('json' as const), edit: jsonEdit }) },
  { weight: 1, arbitrary: byteMutation },
);
const messageMutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ file: place, layer: fc.constant('message' as const), edit: messageEdit }) },
  { weight: 1, arbitrary: byteMutation },
);
const formMutation: fc.Arbitrary<Mutation> = fc.record({
  file: place,
  layer: fc.constant('file' as const),
  form: fc.constantFrom<FileForm>('missing', 'folder', 'loop', 'pipe', 'endless'),
});

/** What mutations change: fields of messages, or JSON where there is any, and bytes; or now and then what the files are. */
export type MutationKind = 'messages' | 'contents' | 'contents-and-forms';

export function mutations(of: MutationKind): fc.Arbitrary<Mutation> {
  if (of === 'messages') return messageMutation;
  if (of === 'contents') return contentMutation;
  return fc.oneof({ weight: 15, arbitrary: contentMutation }, { weight: 1, arbitrary: formMutation });
}

/** A folder after mutations: contents, and the files that have become something else. */
export interface MutatedFolder {
  readonly files: FolderImage;
  readonly forms: ReadonlyMap<string, FileForm>;
}

export function mutate(image: FolderImage, mutations: readonly Mutation[]): MutatedFolder {
  const files = new Map(image);
  const forms = new Map<string, FileForm>();
  const names = [...files.keys()];
  for (const change of mutations) {
    const name = names[indexOf(change.file, names.length)] as string;
    const bytes = files.get(name) as Uint8Array;
    if (change.layer === 'file') forms.set(name, change.form);
    else if (change.layer === 'bytes') files.set(name, editBytes(bytes, change.edit));
    else if (change.layer === 'message') files.set(name, editMessage(bytes, change.edit));
    else
      files.set(
        name,
        editContainedJson(bytes, (text) => editJson(text, change.edit)),
      );
  }
  return { files, forms };
}

function editBytes(bytes: Uint8Array, edit: ByteEdit): Uint8Array {
  const at = (place: number) => indexOf(place, place % 2 === 0 ? Math.min(bytes.length, NEAR_START) : bytes.length);
  const join = (...parts: (Uint8Array | readonly number[])[]) =>
    Buffer.concat(parts.map((part) => (part instanceof Uint8Array ? part : Uint8Array.from(part))));
  switch (edit.kind) {
    case 'flip':
    case 'set': {
      const changed = Uint8Array.from(bytes);
      const i = at(edit.at);
      if (i < bytes.length) changed[i] = edit.kind === 'set' ? edit.byte : (bytes[i] as number) ^ (1 << edit.bit);
      return changed;
    }
    case 'truncate':
      return bytes.subarray(0, at(edit.at));
    case 'remove':
      return join(bytes.subarray(0, at(edit.at)), bytes.subarray(at(edit.at) + edit.length));
    case 'insert':
      return join(bytes.subarray(0, at(edit.at)), edit.bytes, bytes.subarray(at(edit.at)));
    case 'repeat': {
      const range = bytes.subarray(at(edit.at), at(edit.at) + edit.length);
      return join(bytes.subarray(0, at(edit.at)), ...Array(edit.times).fill(range), bytes.subarray(at(edit.at)));
    }
    case 'copy': {
      const range = bytes.subarray(at(edit.from), at(edit.from) + edit.length);
      return join(bytes.subarray(0, at(edit.at)), range, bytes.subarray(at(edit.at) + range.length));
    }
    case 'length-field': {
      const field = Buffer.alloc(8);
      field.writeBigUInt64LE(edit.value);
      return join(field, bytes.subarray(8));
    }
    case 'replace-all':
      return Uint8Array.from(edit.bytes);
  }
}
