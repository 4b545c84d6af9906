import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf } from '@alphapo/base';

/** docs/decisions/0006-no-gpu-libraries-by-default.md says why it is not there by itself. */
const INSTALL = 'ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js';

/**
 * What CUDA lacks on this machine, and how to get it, after ONNX Runtime failed with `message`; undefined where the failure
 * has another cause. ONNX Runtime itself only says that a library could not be loaded.
 */
export function missingForCuda(message: string): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return 'ONNX Runtime supports CUDA only on Linux x64. Use webgpu for other GPUs';
  }
  if (message.includes('Failed to load shared library')) return missingLibrary(providerLibrary());
  if (message.includes('cuDNN is unavailable')) return explainLoadError(message);
  return NO_DEVICE.test(message) ? explainDeviceError(message) : undefined;
}

function providerLibrary(): string {
  const package_ = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  return join(package_, 'bin/napi-v6', process.platform, process.arch, 'libonnxruntime_providers_cuda.so');
}

/** Loads the library as ONNX Runtime does, to hear from the system's loader what is missing. */
function missingLibrary(library: string): string {
  if (!existsSync(library)) {
    return `ONNX Runtime's CUDA provider is not installed (no ${library}). To install it: ${INSTALL}`;
  }
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_LAZY);
    return `ONNX Runtime could not load ${library}`;
  } catch (error) {
    return explainLoadError(messageOf(error));
  }
}

/** CUDA's errors for a driver that is too old (35, 803, 804), no such device (100, 101), and one without code for it (209). */
const NO_DEVICE = /CUDA failure (35|100|101|209|803|804):/;

/** Where a missing library comes from, by the start of its name. */
const ORIGINS: readonly (readonly [name: RegExp, origin: string])[] = [
  [/^libcuda\.so/, 'install the NVIDIA driver'],
  [/^libcudnn\./, 'install cuDNN 9'],
  [/^lib(cublas|cublasLt|cudart|cufft|curand|nvrtc)\.so/, 'install the CUDA toolkit with this version'],
];

/** What the loader's complaint means to a person. */
export function explainLoadError(complaint: string): string {
  const [, library] = /(\S+): cannot open shared object file/.exec(complaint) ?? [];
  const origin = ORIGINS.find(([name]) => library !== undefined && name.test(library))?.[1];
  if (origin === undefined) return `ONNX Runtime's CUDA provider cannot be loaded: ${complaint}`;
  return `${library} is missing: ${origin}, or add its folder to LD_LIBRARY_PATH`;
}

function explainDeviceError(message: string): string {
  const [failure] = /CUDA failure \d+[^;]*/.exec(message) ?? [message];
  return `${failure.trim()}. Check with nvidia-smi that the GPU is there, has free memory, and has a driver recent enough for the CUDA libraries`;
}
