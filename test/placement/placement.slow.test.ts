import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Dtype } from '@alphapo/contracts';
import { tinyConfigs, writeTinyModel } from '../../libs/engine/src/model.fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { swiftShaderEnvironment } from '../swiftshader/swiftshader.ts';
import { cudaProcess } from './cuda-stand-ins.ts';
import { exceptionsOf } from './exceptions.ts';
import { type Gpu, graphsIn, objectiveCases, titleOf } from './graph-cases.ts';
import { type GpuProcess, placements } from './placement.ts';

/** Downloads, and sessions of a second each where the machine is busy. */
const TIMEOUT_MS = 1_200_000;
const run = promisify(execFile);

const GPUS: readonly {
  readonly gpu: Gpu;
  readonly dtypes: readonly Dtype[];
  readonly install: string;
  readonly open: () => GpuProcess;
}[] = [
  {
    gpu: 'cuda',
    dtypes: ['float32', 'float16', 'bfloat16'],
    install: 'placement/install.sh',
    open: cudaProcess,
  },
  {
    gpu: 'webgpu',
    dtypes: ['float32', 'float16'],
    install: 'swiftshader/install.sh',
    open: () => ({ environment: swiftShaderEnvironment(), nodeArguments: [] }),
  },
];

describe.each(GPUS)('on $gpu', ({ gpu, dtypes, install, open }) => {
  const onCpu = new Set<string>();
  const expected = exceptionsOf(gpu);

  beforeAll(async () => {
    await run(join(import.meta.dirname, '..', install));
  }, TIMEOUT_MS);

  const families = Object.entries(tinyConfigs).flatMap(([family, config]) =>
    dtypes.map((dtype) => [family, dtype, config] as const),
  );
  test.each(families)(
    '%s in %s computes all on the GPU but for the named exceptions',
    async (_family, dtype, config) => {
      const folder = await writeTinyModel(await temporaryFolder(), config);
      await expectOnGpu(folder, graphsIn(dtype));
    },
    TIMEOUT_MS,
  );

  test.each(dtypes)(
    'every objective of llama in %s too',
    async (dtype) => {
      const folder = await writeTinyModel(await temporaryFolder(), tinyConfigs.llama);
      await expectOnGpu(folder, objectiveCases(dtype));
    },
    TIMEOUT_MS,
  );

  test.each(['bf16', 'f16'] as const)(
    'weights of llama that are stored as %s too',
    async (dataType) => {
      const storage = { dataType, maxShardBytes: Number.POSITIVE_INFINITY };
      const folder = await writeTinyModel(await temporaryFolder(), tinyConfigs.llama, { storage });
      await expectOnGpu(folder, graphsIn('float32'));
    },
    TIMEOUT_MS,
  );

  // Last, when all graphs were seen.
  test('every exception is needed', () => {
    expect([...expected].filter((kind) => !onCpu.has(kind))).toEqual([]);
  });

  async function expectOnGpu(folder: string, cases: ReturnType<typeof graphsIn>): Promise<void> {
    const found = await placements(gpu, open(), { folder, cases });
    const unexpected = found.flatMap(({ onCpu: kinds }, i) => {
      for (const kind of kinds) onCpu.add(kind);
      const others = [...new Set(kinds)].filter((kind) => !expected.has(kind));
      return others.map((kind) => `${titleOf(cases[i] as (typeof cases)[number])}: ${kind}`);
    });
    expect(unexpected).toEqual([]);
  }
});
