import { AlphapoError, type DataType } from '@alphapo/base';

/** How the format spells the data types that AlphaPO computes with. */
const STORED_NAMES: Readonly<Record<DataType, string>> = {
  f64: 'F64',
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  i64: 'I64',
  i32: 'I32',
  i16: 'I16',
  i8: 'I8',
  u8: 'U8',
  bool: 'BOOL',
};

const DATA_TYPES: ReadonlyMap<string, DataType> = new Map(
  Object.entries(STORED_NAMES).map(([dataType, stored]) => [stored, dataType as DataType]),
);

/** Types of the format (unsigned integers, 4 to 8 bit floats of quantized models) that AlphaPO does not read. */
const UNSUPPORTED = /^(U16|U32|U64|C64|F4|F6_E2M3|F6_E3M2|F8_E4M3|F8_E5M2|F8_E8M0|F8_E4M3FNUZ|F8_E5M2FNUZ)$/;

/** The `dtype` field of a header entry. */
export function storedName(dtype: DataType): string {
  return STORED_NAMES[dtype];
}

/** The inverse of `storedName`. Throws UNSUPPORTED_DATA_TYPE or UNKNOWN_DATA_TYPE; `place` names file and tensor. */
export function parseDataType(stored: string, place: string): DataType {
  const dtype = DATA_TYPES.get(stored);
  if (dtype !== undefined) return dtype;
  if (UNSUPPORTED.test(stored)) {
    throw new AlphapoError(
      'unimplemented',
      'UNSUPPORTED_DATA_TYPE',
      `${place} is stored as ${stored}; AlphaPO reads ${[...DATA_TYPES.keys()].join(', ')}: use the model's bf16, fp16 or fp32 weights`,
    );
  }
  throw new AlphapoError(
    'data-loss',
    'UNKNOWN_DATA_TYPE',
    `${place} has the dtype ${JSON.stringify(stored)}, which the safetensors format does not know: fetch the file again`,
  );
}
