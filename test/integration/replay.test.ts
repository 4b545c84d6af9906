import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCAL_TOPICS } from '@alphapo/cli';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { freePort } from '../support/free-port.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { copyOf, editLog, STEPS, trainedRun, verifyFolder } from './lineage.fixture.ts';
import { checkpointsIn, recordsOf } from './services.fixture.ts';

const { preferenceBatches, trainingSteps } = LOCAL_TOPICS;
const ADAPTER = 'adapter/adapter_model.safetensors';

let clean: string;
let model: string;
beforeAll(async () => {
  ({ run: clean, model } = await trainedRun());
});

async function replay(run: string, step: number, ...options: string[]) {
  const out = join(await temporaryFolder(), 'out');
  await using child = new ServiceProcess(['replay', '--run', run, '--step', `${step}`, '--out', out, ...options]);
  const code = await child.exited();
  return { code, output: child.output, events: child.events, out };
}

async function digestOf(run: string, step: number): Promise<string> {
  await using log = openEmbeddedEventLog({ path: join(run, 'log.sqlite') });
  const record = (await recordsOf(log, trainingSteps)).at(step - 1);
  return JSON.parse(new TextDecoder().decode(record?.value as Uint8Array)).policyDigest;
}

test('the last step from the start gives the adapter that the run gave, to the bit', async () => {
  const { code, output, out } = await replay(clean, STEPS, '--from-start');
  expect(code).toBe(0);
  expect(output).toContain(`from the run's start: ${STEPS} steps to repeat`);
  expect((await readFile(join(out, ADAPTER))).equals(await readFile(join(clean, ADAPTER)))).toBe(true);
});

test('a step between two checkpoints comes from the one before, and leaves a checkpoint that a run goes on from', async () => {
  const { code, output, out } = await replay(clean, 5);
  expect(code).toBe(0);
  expect(output).toContain('from the checkpoint of step 4: 1 steps to repeat');
  expect(output).toContain(`step 5 matches the published digest: policy ${await digestOf(clean, 5)}`);
  expect(await checkpointsIn(join(out, 'checkpoints'))).toEqual(['step-00000005']);
  const run = await copyOf(clean);
  await cp(join(out, 'checkpoints/step-00000005'), join(run, 'checkpoints/step-00000005'), { recursive: true });
  expect((await verifyFolder(run)).problems.first).toEqual([]);
});

test('a step with a checkpoint of its own is that checkpoint', async () => {
  const { code, output, out } = await replay(clean, 4);
  expect([code, output]).toEqual([0, expect.stringContaining('from the checkpoint of step 4: 0 steps')]);
  expect(await readdir(out)).toEqual(['adapter', 'checkpoints']);
});

test('a damaged checkpoint is skipped with an error, and the one before used', async () => {
  const run = await copyOf(clean);
  await truncate(join(run, 'checkpoints/step-00000004/weights.safetensors'), 200);
  const { code, output, events } = await replay(run, 5);
  expect([code, output]).toEqual([0, expect.stringContaining('from the checkpoint of step 2: 3 steps')]);
  expect(events).toContainEqual(
    expect.objectContaining({ level: 'error', event: 'checkpoint.damaged', name: 'step-00000004' }),
  );
});

test('nothing is written to the run, which keeps its writer', async () => {
  const run = await copyOf(clean);
  await using log = openEmbeddedEventLog({ path: join(run, 'log.sqlite') });
  const { runId } = JSON.parse(await readFile(join(run, 'run.json'), 'utf8'));
  await using writer = await log.writer(`optimizer-${runId}`);
  const folders = () => readdir(run, { recursive: true });
  const before = await folders();
  expect((await replay(run, STEPS, '--from-start')).code).toBe(0);
  expect(await folders()).toEqual(before);
  await writer.write([]);
  expect((await recordsOf(log, trainingSteps)).length).toBe(STEPS);
});

test('the first step that comes out otherwise than it was published ends the replay with an error', async () => {
  const run = await copyOf(clean);
  const forged = `sha256:${'0'.repeat(64)}`;
  editLog(run, (file) =>
    file.edit(trainingSteps, 2, (value) => {
      const step = JSON.parse(new TextDecoder().decode(value));
      return Buffer.from(JSON.stringify({ ...step, policyDigest: forged }));
    }),
  );
  const { code, output, out } = await replay(run, 5, '--from-start');
  expect(code).toBe(1);
  expect(output).toContain(
    `NOT REPRODUCED: steps 1 to 2 match the published digests, but step 3 was recomputed and gave ${await digestOf(clean, 3)} instead of ${forged}`,
  );
  expect(await readdir(out)).not.toContain('adapter');
});

test('a checkpoint with other weights than its step published is refused', async () => {
  const run = await copyOf(clean);
  const forged = `sha256:${'0'.repeat(64)}`;
  editLog(run, (file) =>
    file.edit(trainingSteps, 3, (value) => {
      const step = JSON.parse(new TextDecoder().decode(value));
      return Buffer.from(JSON.stringify({ ...step, policyDigest: forged }));
    }),
  );
  const { code, output } = await replay(run, 4);
  expect([code, output]).toEqual([1, expect.stringContaining(`but training-steps says ${forged}: folder and topics`)]);
});

test('batches that are gone are an error where they are needed, and none where a checkpoint is newer', async () => {
  const run = await copyOf(clean);
  editLog(run, (file) => file.cutOff(preferenceBatches, 2));
  const fromStart = await replay(run, 5, '--from-start');
  expect([fromStart.code, fromStart.output]).toEqual([
    1,
    expect.stringContaining('which begins at 2: the records before have been removed'),
  ]);
  expect((await replay(run, 5)).code).toBe(0);
});

test('other settings than the run’s are refused before anything is computed', async () => {
  const config = join(await temporaryFolder(), 'run.yaml');
  await writeFile(config, 'batch-size: 4\nsteps: 6\nlearning-rate: 0.5\n');
  const { code, output } = await replay(clean, 5, '--config', config);
  expect([code, output]).toEqual([
    1,
    expect.stringMatching(/the steps belong to run [0-9a-f]{16}, the given .* to run [0-9a-f]{16}/),
  ]);
});

test('a scorer that computes otherwise than the run did is refused by what differs', async () => {
  const { code, output } = await replay(clean, 5, '--threads', '2');
  expect([code, output]).toEqual([1, expect.stringContaining('has threads 2, but the run has 1')]);
});

test('a step that was not taken is an error', async () => {
  const { code, output } = await replay(clean, STEPS + 1);
  expect([code, output]).toEqual([1, expect.stringContaining('the last one is 6')]);
});

test('scorers of their own give the same', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  await using scorer = new ServiceProcess([
    ...['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', '1', '--optimizer', address],
  ]);
  const scorers = await scorer.address();
  const { code, out } = await replay(clean, STEPS, '--from-start', '--scorers', scorers, '--address', address);
  expect(code).toBe(0);
  expect((await readFile(join(out, ADAPTER))).equals(await readFile(join(clean, ADAPTER)))).toBe(true);
});
