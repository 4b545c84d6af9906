export { TensorArchive } from './archive.ts';
export { openCheckpoint, openSafetensors } from './checkpoint-folder.ts';
export { checkpointDigest } from './digest.ts';
export { onFile, readSmallFile, replaceFile, syncFolder } from './durable-files.ts';
export { createFolder, requireEmptyFolder } from './durable-folder.ts';
export type { StoredFile, TensorEntry } from './file.ts';
export { encodeFloats, type FloatDataType } from './float-elements.ts';
export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from './half-precision.ts';
export { writeShardedCheckpoint } from './sharded-writer.ts';
export { parseStrictJson } from './strict-json.ts';
export { type TensorData, type TensorToWrite, tensorBytes, type WrittenFile, writeSafetensors } from './writer.ts';
