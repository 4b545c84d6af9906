import { AlphapoError, type DataType } from '@alphapo/base';
import { encodeFloats, type FloatDataType, type TensorArchive } from '@alphapo/safetensors';

/** What transformers calls the types that weights are stored in. */
export const TORCH_NAMES: Readonly<Record<FloatDataType, string>> = {
  f64: 'float64',
  f32: 'float32',
  f16: 'float16',
  bf16: 'bfloat16',
};

/** Trained weights: at hand, or computed when their turn comes, so that they need not all be in memory. */
export interface TrainedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | (() => Promise<Float32Array>);
}

/** By the names of the model's parameters. */
export type TrainedTensors = ReadonlyMap<string, TrainedTensor>;

/** What became of the trained weights in their files. */
export interface WrittenModel {
  /** As trained tensors are stored now, each type once. */
  readonly dataTypes: readonly FloatDataType[];
  /** Elements of trained tensors. */
  readonly weights: number;
  /** Those that differ from the source, as stored: small updates can be lost in the rounding to 16 bits. */
  readonly changedWeights: number;
}

/** Trained weights on their way into files. */
export class TrainedWeights {
  readonly #source: TensorArchive;
  readonly #dataType: FloatDataType | 'as-stored';
  /** By name: a tensor may be asked for again. */
  readonly #written = new Map<string, { dataType: FloatDataType; weights: number; changed: number }>();

  constructor(source: TensorArchive, dataType: FloatDataType | 'as-stored') {
    this.#source = source;
    this.#dataType = dataType;
  }

  /** The type that a tensor is stored in. */
  typeOf(name: string): FloatDataType {
    const { dtype } = this.#source.entry(name);
    if (this.#dataType !== 'as-stored') return this.#dataType;
    return isFloat(dtype) ? dtype : 'f32';
  }

  /** A tensor's elements as they are stored, rounded to nearest even. Errors: WEIGHT_TOO_LARGE. */
  async encode(name: string, tensor: TrainedTensor): Promise<ReturnType<typeof encodeFloats>> {
    const dataType = this.typeOf(name);
    const data = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
    const encoded = encodeFloats(dataType, data);
    const before = encodeFloats(dataType, await this.#source.read(name));
    const infinity = INFINITIES[dataType];
    let changed = 0;
    for (let i = 0; i < data.length; i++) {
      if (encoded[i] !== before[i]) changed++;
      if (infinity !== undefined && ((encoded[i] as number) & 0x7fff) === infinity && Number.isFinite(data[i])) {
        throw tooLarge(name, data[i] as number, dataType);
      }
    }
    this.#written.set(name, { dataType, weights: data.length, changed });
    return encoded;
  }

  get summary(): WrittenModel {
    const tensors = [...this.#written.values()];
    return {
      dataTypes: [...new Set(tensors.map(({ dataType }) => dataType))],
      weights: tensors.reduce((sum, { weights }) => sum + weights, 0),
      changedWeights: tensors.reduce((sum, { changed }) => sum + changed, 0),
    };
  }
}

/** Bits of infinity, without the sign, in the types that are narrower than what is trained. */
const INFINITIES: Partial<Record<FloatDataType, number>> = { f16: 0x7c00, bf16: 0x7f80 };

const isFloat = (dtype: DataType): dtype is FloatDataType => dtype in TORCH_NAMES;

function tooLarge(tensor: string, value: number, dataType: FloatDataType): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'WEIGHT_TOO_LARGE',
    `${tensor} has a weight of ${value}, which ${TORCH_NAMES[dataType]} cannot hold: save it as bfloat16 or float32`,
    { metadata: { tensor } },
  );
}
