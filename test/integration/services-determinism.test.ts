import { type RunSettings, ScorerServiceDefinition } from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { ServiceProcess } from '../support/processes.ts';
import { CALL, pairs, smallModel, startRun, type TestRun, until } from './services.fixture.ts';

/** The weights after each step are the same, to the bit, whatever the number of scorers, and whatever else they do. */

const STEPS = 6;
const SIZES = { steps: STEPS, batchSize: 12, shards: 4 };
const METHODS: [string, Partial<RunSettings>][] = [
  ['LoRA with a reference', { ...SIZES, objective: 'dpo', learningRate: 1e-2 }],
  ['all weights', { ...SIZES, full: true, learningRate: 1e-3 }],
];
const RECORDS = pairs(STEPS * SIZES.batchSize);

let model: string;
beforeAll(async () => {
  model = await smallModel();
});

const digestsOf = (run: TestRun) => run.optimizer.steps.steps.map(({ policyDigest }) => policyDigest);

/** The policy's digest after each step of a run with so many scorers. */
async function train(settings: Partial<RunSettings>, scorers: number): Promise<string[]> {
  await using opened = new AsyncDisposableStack();
  const run = opened.use(await startRun(model, settings));
  while (run.scorers.length < scorers) {
    run.scorers.push(opened.use(await run.startScorer(run.optimizer.address)).address);
  }
  await run.train(RECORDS);
  return digestsOf(run);
}

/** Waits until a scorer has computed something under a policy. */
async function untilItComputes(address: string): Promise<void> {
  using scorer = connect(ScorerServiceDefinition, address);
  await until(async () => (await scorer.describeScorer({}, CALL)).policies.length > 1);
}

describe.each(METHODS)('%s', (_what, settings) => {
  let digests: string[];
  beforeAll(async () => {
    digests = await train(settings, 1);
  });

  test('every step changes the weights', () => {
    expect(new Set(digests).size).toBe(STEPS);
  });

  test.each([2, 3])('%i scorers give the weights of one after each step', async (scorers) => {
    expect(await train(settings, scorers)).toEqual(digests);
  });

  test('so do three of which one is killed, and one that comes later', async () => {
    await using run = await startRun(model, settings);
    const args = ['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', '1'];
    await using killed = new ServiceProcess([...args, '--optimizer', run.optimizer.address]);
    await using second = await run.startScorer(run.optimizer.address);
    await using late = await run.startScorer(run.optimizer.address);
    run.scorers.push(await killed.address(), second.address);
    const training = run.train(RECORDS);
    await untilItComputes(await killed.address());
    await killed.stop('SIGKILL');
    const before = digestsOf(run).length;
    run.scorers.push(late.address);
    await training;
    expect(before).toBeLessThan(STEPS);
    expect(digestsOf(run)).toEqual(digests);
  });

  test('so does one that scores for others all the while', async () => {
    await using run = await startRun(model, settings);
    using scorer = connect(ScorerServiceDefinition, run.scorer.address);
    const item = { $case: 'tokenSequence' as const, value: { prompt: [0, 5], response: [6, 7] } };
    const request = { items: [{ id: '', item }], perToken: false, objective: undefined, batch: undefined };
    let isTraining = true;
    const client = async (policy: 'base' | 'latest') => {
      while (isTraining) await scorer.score({ ...request, policy: { $case: policy, value: {} } }, CALL);
    };
    const clients = [client('base'), client('base'), client('latest'), client('latest')];
    await run.train(RECORDS);
    isTraining = false;
    await Promise.all(clients);
    const { scoring } = await scorer.describeScorer({}, CALL);
    expect(scoring?.executions).toBeGreaterThan(0n);
    expect(digestsOf(run)).toEqual(digests);
  });
});
