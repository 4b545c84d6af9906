import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunSpecification, runSettingsSchema } from '@alphapo/contracts';
import { smallModel } from '../../../test/integration/services.fixture.ts';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { planTraining } from './plan.ts';
import { claimRunFolder } from './run-folder.ts';

/** Plans a run of two steps; where `begun` is given, one that goes on with a run that began so. */
async function planned(given: object, begun?: (specification: RunSpecification) => RunSpecification) {
  const [model, folder] = [await smallModel(), await temporaryFolder()];
  const data = join(folder, 'pairs.jsonl');
  await writeFile(data, '{"prompt":"a","chosen":"b","rejected":"c"}\n'.repeat(4));
  const request = {
    ...{ model, referenceModel: undefined, data: [data], out: folder, evalData: [], evalFraction: undefined },
    ...{ evalEvery: 0, initAdapter: undefined, chatTemplate: undefined, shuffle: true, strict: false, resume: false },
    ...{
      device: 'cpu' as const,
      threads: undefined,
      checkpointEvery: 1,
      savedDtype: undefined,
      memoryLimit: undefined,
    },
  };
  const settings = runSettingsSchema.parse({ ...given, steps: 2, batchSize: 2 });
  const plan = await planTraining(request, settings);
  if (begun === undefined) return plan;
  const identity = { ...plan, specification: begun(plan.specification), dataDigest: '' };
  await claimRunFolder(folder, identity, false);
  return planTraining({ ...request, resume: true }, settings);
}

const withWarmup =
  (warmupSteps: number) =>
  (specification: RunSpecification): RunSpecification => ({
    ...specification,
    schedule: { ...specification.schedule, warmupSteps },
  });

test('a warm-up that would take all steps is shorter, which is said', async () => {
  const { specification, notes } = await planned({ warmupSteps: 20 });
  expect(specification.schedule.warmupSteps).toBe(1);
  expect(notes).toEqual([expect.stringMatching(/^warmup-steps: 1 warm-up step instead of 20/)]);
});

test('a run that began with one before warm-ups were shortened keeps it; no other one does', async () => {
  const kept = await planned({ warmupSteps: 20 }, withWarmup(20));
  expect([kept.specification.schedule.warmupSteps, kept.notes]).toEqual([20, []]);
  const other = await planned({ warmupSteps: 20 }, withWarmup(30));
  expect(other.specification.schedule.warmupSteps).toBe(1);
  const short = await planned({ warmupSteps: 1 }, withWarmup(20));
  expect(short.specification.schedule.warmupSteps).toBe(1);
});
