import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { writeTinyModel } from './model.fixture.ts';
import { openEngine } from './worker-engine.ts';

const CUDA_PROVIDER = join(
  import.meta.dirname,
  '../../../node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so',
);

const withoutCuda = existsSync(CUDA_PROVIDER) || process.platform !== 'linux' ? test.skip : test;

withoutCuda('a machine without the CUDA provider says what is missing and how to get it', async () => {
  const folder = await writeTinyModel(await temporaryFolder());
  await expect(openEngine(folder, { executionProvider: 'cuda' })).rejects.toMatchObject({
    reason: 'DEVICE_NOT_AVAILABLE',
    message: expect.stringMatching(/libonnxruntime_providers_cuda\.so.*ONNXRUNTIME_NODE_INSTALL=cuda12/),
  });
});
