import { control, Lags, observe, perComponent } from '@alphapo/autoscaler/testing';
import { CONTROL_HEADER, END_OF_DATA, OptimizerServiceDefinition } from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { MemoryWorkloads } from '../../services/autoscaler/src/cluster.fixture.ts';
import { pairs, produce, silent, smallModel, startRun, type TestRun, topics, until } from './services.fixture.ts';

/** A run under the autoscaler: real services on an embedded log; only the API server is in memory. */

const ENDED = 'alphapo.dev/run-ended';
const SETTINGS = {
  limits: {
    tokenizer: { min: 0, max: 2 },
    scorer: { min: 0, max: 3 },
    optimizer: { min: 0, max: 1 },
    sampler: { min: 0, max: 1 },
  },
  cooldownMs: 500,
  recordsPerTokenizer: 1_000,
  shardsPerScorer: 1,
  callsPerScorer: 8,
  callsPerSampler: 8,
};

function autoscaler(run: TestRun) {
  const workloads = new MemoryWorkloads();
  const stop = new AbortController();
  // The log is the run's, which closes it.
  const lags = new Lags(async () => run.log, silent);
  const optimizer = connect(OptimizerServiceDefinition, run.optimizer.address);
  const parts = { workloads, lags, topics, optimizer, logger: silent };
  const leadership = { signal: stop.signal, assertHeld: () => {} };
  const options = { observe: () => observe(parts), workloads, settings: SETTINGS, pollMs: 20, logger: silent };
  const done = control(options, leadership);
  return {
    workloads,
    replicas: () => perComponent((component) => workloads.state(component).replicas),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
      optimizer[Symbol.dispose]();
    },
  };
}

const NONE = perComponent(() => 0);
const same = (a: object, b: object) => JSON.stringify(a) === JSON.stringify(b);

test('services come when there is work, stay while the run goes on, and are all gone after it', async () => {
  await using run = await startRun(await smallModel(), { shards: 2 });
  await using scaler = autoscaler(run);
  const { workloads, replicas } = scaler;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(replicas()).toEqual(NONE);

  // Preferences are there: somebody has to make batches of them, and the optimizer starts meanwhile.
  await produce(run.log, pairs(16));
  await until(() => same(replicas(), { ...NONE, tokenizer: 1, optimizer: 1 }));
  const stop = new AbortController();
  const consuming = run.tokenizer.consume(stop.signal);
  workloads.change('tokenizer', { readyReplicas: 1 });

  // Batches are there: the first scorer starts; the optimizer says how many shards there are, and gets as many.
  await until(() => replicas().scorer === 1);
  const [address] = run.scorers.splice(0);
  workloads.change('optimizer', { readyReplicas: 1 });
  const training = run.optimizer.train(stop.signal);
  await until(() => replicas().scorer === 2);
  run.scorers.push(address as string);
  await training;
  await until(() => same(replicas(), NONE));
  expect(workloads.state('optimizer').annotations[ENDED]).toBe('first');
  stop.abort();
  await consuming;

  // Nobody is there to be asked any more, and nobody comes for what is left or sent now.
  workloads.change('optimizer', { readyReplicas: 0 });
  workloads.change('tokenizer', { readyReplicas: 0 });
  await run.log.append([{ topic: topics.preferences, partition: 0, value: JSON.stringify(pairs(1)[0]) }]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(replicas()).toEqual(NONE);

  // Another configuration is another run.
  workloads.change('optimizer', { templateDigest: 'second' });
  await until(() => replicas().tokenizer === 1 && replicas().optimizer === 1);
});

test('a record that is an instruction is work too', async () => {
  await using run = await startRun(await smallModel());
  await using scaler = autoscaler(run);
  const end = { topic: topics.preferences, partition: 0, value: '', headers: { [CONTROL_HEADER]: END_OF_DATA } };
  await run.log.append([end]);
  await until(() => scaler.replicas().tokenizer === 1);
});

test('a log that does not answer takes nothing away', async () => {
  await using run = await startRun(await smallModel());
  const workloads = new MemoryWorkloads();
  workloads.change('tokenizer', { replicas: 2 });
  await using lags = new Lags(() => Promise.reject(new Error('no broker')), silent);
  using optimizer = connect(OptimizerServiceDefinition, run.optimizer.address);
  const stop = new AbortController();
  const parts = { workloads, lags, topics, optimizer, logger: silent };
  const looking = { observe: () => observe(parts), workloads, settings: SETTINGS, pollMs: 20, logger: silent };
  const done = control(looking, { signal: stop.signal, assertHeld: () => {} });
  await new Promise((resolve) => setTimeout(resolve, 3 * SETTINGS.cooldownMs));
  expect(workloads.state('tokenizer').replicas).toBe(2);
  stop.abort();
  await done;
});
