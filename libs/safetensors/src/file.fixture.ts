import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';

/** For tests: a file made of a length field, a header and data, each of which may be wrong. */
export async function fileOf({
  header,
  data = new Uint8Array(),
  headerLength,
}: {
  header: unknown;
  data?: Uint8Array;
  headerLength?: bigint;
}): Promise<string> {
  const text = header instanceof Uint8Array || typeof header === 'string' ? header : JSON.stringify(header);
  const bytes = Buffer.from(text as string);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerLength ?? BigInt(bytes.length));
  const file = join(await temporaryFolder(), 'model.safetensors');
  await writeFile(file, Buffer.concat([length, bytes, data]));
  return file;
}

/** For tests: a header entry of float32 numbers. */
export function f32(shape: readonly number[], begin: number, end: number) {
  return { dtype: 'F32', shape, data_offsets: [begin, end] };
}
