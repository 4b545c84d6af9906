import { join } from 'node:path';
import { HealthClient } from '@alphapo/rpc';
import { ServiceProcess } from '../support/processes.ts';
import { CALL, pairs, smallModel, startRun, type TestRun, until } from './services.fixture.ts';

/** Scorers in processes of their own that are stopped, frozen or lose their engine: the weights stay the same. */

const SETTINGS = { steps: 12, batchSize: 8, shards: 4 };
const RECORDS = pairs(96);

let model: string;
let undisturbed: string[];
const digestsOf = (run: TestRun) => run.optimizer.steps.steps.map(({ policyDigest }) => policyDigest);
beforeAll(async () => {
  model = await smallModel();
  await using run = await startRun(model, SETTINGS);
  await run.train(RECORDS);
  undisturbed = digestsOf(run);
});

/** A scorer in a process; the run knows it instead of the one in this process. */
async function scorerProcess({ optimizer, scorers }: TestRun, preload: string[] = []): Promise<ServiceProcess> {
  const args = ['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', '1'];
  const scorer = new ServiceProcess([...args, '--optimizer', optimizer.address], { preload });
  scorers.push(await scorer.address());
  return scorer;
}

const statusOf = async (run: TestRun, scorer: ServiceProcess) => {
  const address = await scorer.address();
  const { scorerStatuses } = await run.connection.getStatus({}, CALL);
  return scorerStatuses.find((one) => one.address === address);
};

const untilStep = (run: TestRun, step: number) => until(() => run.optimizer.steps.steps.length >= step);

test('one of two scorers is frozen in the middle of a run, and takes part again when it wakes', async () => {
  await using run = await startRun(model, SETTINGS);
  run.scorers.pop();
  await using frozen = await scorerProcess(run);
  await using _other = await scorerProcess(run);
  const training = run.train(RECORDS);
  await untilStep(run, 3);
  frozen.signal('SIGSTOP');
  await untilStep(run, 8);
  expect((await statusOf(run, frozen))?.message).not.toBe('');
  frozen.signal('SIGCONT');
  await training;
  expect(digestsOf(run)).toEqual(undisturbed);
});

test('the only scorer is frozen for some seconds', async () => {
  await using run = await startRun(model, SETTINGS);
  run.scorers.pop();
  await using frozen = await scorerProcess(run);
  const training = run.train(RECORDS);
  await untilStep(run, 3);
  frozen.signal('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  frozen.signal('SIGCONT');
  await training;
  expect(digestsOf(run)).toEqual(undisturbed);
});

test('a scorer whose engine dies exits with an error, and another one goes on', async () => {
  await using run = await startRun(model, SETTINGS);
  run.scorers.pop();
  await using broken = await scorerProcess(run, [join(import.meta.dirname, 'stop-engine.ts')]);
  using health = new HealthClient(await broken.address());
  expect(await health.check()).toBe('SERVING');
  const training = run.train(RECORDS);
  await untilStep(run, 3);
  broken.signal('SIGUSR2');
  expect(await broken.exited()).toBe(1);
  expect(broken.events.at(-1)).toMatchObject({ event: 'process.failed', error: { reason: 'ENGINE_STOPPED' } });
  await using _other = await scorerProcess(run);
  await training;
  expect(digestsOf(run)).toEqual(undisturbed);
});
