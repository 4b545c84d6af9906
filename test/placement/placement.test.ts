import { tinyConfigs, writeTinyModel } from '../../libs/engine/src/model.fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describeSwiftShader, swiftShaderEnvironment } from '../swiftshader/swiftshader.ts';
import { cudaProcess, describeCudaStandIns } from './cuda-stand-ins.ts';
import { exceptionsOf } from './exceptions.ts';
import { type Gpu, graphsIn } from './graph-cases.ts';
import { type GpuProcess, placements } from './placement.ts';

/** A few of the graphs that placement.slow.test.ts goes through: the widest gradient of each method. */
const TIMEOUT_MS = 120_000;

describeCudaStandIns('on CUDA', () => {
  test.each(['float32', 'bfloat16'] as const)(
    'a gradient in %s is computed on the GPU but for the named exceptions',
    (dtype) => expectOnGpu('cuda', cudaProcess(), dtype),
    TIMEOUT_MS,
  );
});

describeSwiftShader('on WebGPU', () => {
  test(
    'a gradient is computed on the GPU but for the named exceptions',
    () => expectOnGpu('webgpu', { environment: swiftShaderEnvironment(), nodeArguments: [] }, 'float32'),
    TIMEOUT_MS,
  );
});

async function expectOnGpu(gpu: Gpu, process: GpuProcess, dtype: 'float32' | 'bfloat16'): Promise<void> {
  const folder = await writeTinyModel(await temporaryFolder(), tinyConfigs.gemma2);
  const cases = graphsIn(dtype).filter(
    ({ computes, logits, activations }) =>
      computes === 'gradient' && logits === 'chunks' && activations === 'recomputed',
  );
  const found = await placements(gpu, process, { folder, cases });
  expect(found).toHaveLength(2);
  const expected = exceptionsOf(gpu);
  for (const { onGpu, onCpu } of found) {
    expect(onGpu).toBeGreaterThan(400);
    expect(onCpu.filter((kind) => !expected.has(kind))).toEqual([]);
  }
}
