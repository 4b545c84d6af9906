import { describeKafka, startKafka, type TestBroker } from '../kafka/broker.ts';
import { digestsOf, failureOf, OptimizerPlace, stepsOf, took, undisturbedDigests } from './optimizer-place.ts';
import { smallModel } from './services.fixture.ts';

/** Of two optimizers on one run exactly one writes, whatever becomes of the other. */

describeKafka('two optimizers on one run, over Kafka', () => {
  let broker: TestBroker;
  let model: string;
  let undisturbed: string[];
  beforeAll(async () => {
    model = await smallModel();
    undisturbed = await undisturbedDigests(model);
    broker = await startKafka();
  });
  afterAll(() => broker?.[Symbol.asyncDispose]());

  /** With a tokenizer that works. */
  async function place(prefix: string): Promise<OptimizerPlace> {
    const run = await OptimizerPlace.open(broker, model, prefix);
    await run.tokenizer().address();
    return run;
  }

  test('the first one hangs, the second takes over, the first one wakes: it ends fenced and has written nothing', async () => {
    await using run = await place('hung-');
    const first = await run.optimizer();
    await first.address();
    await run.produce(1, 3);
    await took(first, 3);
    first.signal('SIGSTOP');
    await run.produce(4, 8);
    const second = await run.optimizer();
    expect(await second.exited()).toBe(0);
    const [steps, checkpoints] = [await run.published(), await run.checkpoints()];
    first.signal('SIGCONT');
    expect(await first.exited()).toBe(1);
    expect(failureOf(first)).toMatchObject({ reason: 'FENCED' });
    expect(digestsOf(steps)).toEqual(stepsOf(undisturbed));
    expect(await run.published()).toEqual(steps);
    expect(await run.checkpoints()).toEqual(checkpoints);
  });

  test('the second one is started while the first one works: the first ends fenced, the second finishes', async () => {
    await using run = await place('working-');
    const first = await run.optimizer();
    await first.address();
    await run.produce(1, 3);
    await took(first, 3);
    const second = await run.optimizer();
    await second.address();
    await run.produce(4, 8);
    expect(await second.exited()).toBe(0);
    expect(await first.exited()).toBe(1);
    expect(failureOf(first)).toMatchObject({ reason: 'FENCED' });
    expect(digestsOf(await run.published())).toEqual(stepsOf(undisturbed));
  });
});
