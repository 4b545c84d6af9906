import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { GpuProcess } from './placement.ts';

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json');
const FOLDER = join(import.meta.dirname, `../../node_modules/.cache/cuda-stand-ins/${version}`);

/** Whether install.sh has put the CUDA provider and the stand-ins for its libraries there. */
const isInstalled = (): boolean => existsSync(join(FOLDER, 'complete'));

/** A `describe` for tests that need them. Without them they are skipped, and the name says so. */
export function describeCudaStandIns(name: string, tests: () => void): void {
  if (isInstalled()) describe(name, tests);
  else describe.skip(`${name} (skipped: no stand-ins for CUDA; run test/placement/install.sh)`, tests);
}

/** Folder of the stand-ins, and the provider that is linked with what they stand in for. */
export const cudaLibraries = join(FOLDER, 'libraries');
export const cudaProvider = join(FOLDER, 'onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so');

/** A process that uses the copy of onnxruntime-node with the CUDA provider, on a GPU that does nothing. */
export function cudaProcess(): GpuProcess {
  if (!isInstalled()) throw new Error('no stand-ins for CUDA: run test/placement/install.sh');
  return {
    environment: {
      ...process.env,
      LD_LIBRARY_PATH: cudaLibraries,
      ONNXRUNTIME_NODE_COPY: join(FOLDER, 'onnxruntime-node/dist/index.js'),
    },
    nodeArguments: ['--import', join(import.meta.dirname, 'use-copy.ts')],
  };
}
