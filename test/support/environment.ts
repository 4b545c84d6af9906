import { TestEnvironment } from 'jest-environment-node';

/**
 * A Node environment whose typed arrays are those of the outer realm.
 *
 * Native addons (ONNX Runtime) check `instanceof Float32Array` against the realm they were loaded in; Jest's sandbox
 * has constructors of its own, and the check fails there.
 */
export default class SharedTypedArrays extends TestEnvironment {
  override async setup(): Promise<void> {
    await super.setup();
    Object.assign(this.global, {
      ArrayBuffer,
      SharedArrayBuffer,
      DataView,
      Uint8Array,
      Uint8ClampedArray,
      Int8Array,
      Uint16Array,
      Int16Array,
      Uint32Array,
      Int32Array,
      Float16Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
    });
  }
}
