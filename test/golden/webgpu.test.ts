import { policyDigest } from '@alphapo/checkpoints';
import { DEFAULT_COMPUTE } from '@alphapo/contracts';
import { batchTotals, openEngine } from '@alphapo/engine';
import { tinyConfigs, writeTinyModel } from '../../libs/engine/src/model.fixture.ts';
import { describeShared } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describeSwiftShader, swiftShaderEnvironment } from '../swiftshader/swiftshader.ts';
import { openEngineProcess } from './engine-process.ts';
import { expectGradient, expectLogProbs } from './expectations.ts';
import { modelPath, readGolden, type Trained } from './golden-files.ts';
import { CPU, load, loadedAs, startOf } from './policies.ts';

/** A software device first compiles a program for every operator and shape. */
const TIMEOUT_MS = 300_000;
const WEBGPU = { executionProvider: 'webgpu', threads: 1 } as const;

const openWebGpu = (model: string, options: object = {}) =>
  openEngineProcess(model, { ...WEBGPU, ...options }, swiftShaderEnvironment());

const CASES: readonly (readonly [family: string, trained: Trained])[] = [
  ['llama', 'full'],
  ['llama', 'lora'],
  ['gpt2', 'full'],
  ['gpt2', 'lora'],
  ['gemma2', 'lora'],
];

describeSwiftShader('WebGPU on SwiftShader', () => {
  describeShared('golden/models', () => {
    test.each(CASES)(
      '%s (%s) has the log-probabilities and the gradient of the reference, and the same bits again',
      async (family, trained) => {
        const golden = await readGolden(family, trained);
        await using engine = await openWebGpu(modelPath(family));
        await load(engine, 'start', await startOf(modelPath(family), trained));
        expectLogProbs(await engine.scorePairs(golden.pairs, loadedAs('start')), golden);
        const objective = { kind: 'alphapo', ...golden.gradient.params } as const;
        const { pairs } = golden;
        const request = { pairs, ...batchTotals(pairs), objective, compute: DEFAULT_COMPUTE, policyDigest: 'start' };
        const result = await engine.gradient(request);
        await expectGradient(result, golden, { family, trained });
        const again = await engine.gradient(request);
        expect(await policyDigest(again.gradient)).toBe(await policyDigest(result.gradient));
      },
      TIMEOUT_MS,
    );
  });

  test.each(['bf16', 'f16'] as const)(
    'weights stored as %s score as on the processor',
    async (dataType) => {
      const storage = { dataType, maxShardBytes: 2 ** 20 };
      const model = await writeTinyModel(await temporaryFolder(), tinyConfigs.llama, { storage });
      const pairs = [{ prompt: [1, 2, 3], chosen: [4, 5], rejected: [6, 7, 8] }];
      await using gpu = await openWebGpu(model);
      await using cpu = await openEngine(model, CPU);
      const [found] = await gpu.scorePairs(pairs, { kind: 'base' });
      const [expected] = await cpu.scorePairs(pairs, { kind: 'base' });
      expect(found?.chosen.sum).toBeCloseTo(expected?.chosen.sum as number, 4);
      expect(found?.rejected.sum).toBeCloseTo(expected?.rejected.sum as number, 4);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['bfloat16', 'DTYPE_NOT_AVAILABLE', 'use float16 or float32'],
    // SwiftShader cannot compute in it.
    ['float16', 'DEVICE_NOT_AVAILABLE', 'Use float32'],
  ])('%s is refused with what to use instead', async (dtype, reason, advice) => {
    const opening = openWebGpu(await writeTinyModel(await temporaryFolder()), { dtype });
    await expect(opening).rejects.toThrow(new RegExp(`${reason}.*${advice}`));
  });
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('a machine without a Vulkan device says what to install', async () => {
  const environment = { ...process.env, VK_ICD_FILENAMES: '/nowhere/icd.json' };
  const opening = openEngineProcess(await writeTinyModel(await temporaryFolder()), WEBGPU, environment);
  await expect(opening).rejects.toThrow(/DEVICE_NOT_AVAILABLE.*libvulkan1/);
});
