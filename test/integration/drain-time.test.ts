import { AlphapoError } from '@alphapo/base';
import { OptimizerServiceDefinition, type ScoreRequest, ScorerServiceDefinition } from '@alphapo/contracts';
import { connect, Handlers, RpcServer } from '@alphapo/rpc';
import { startScorer } from '@alphapo/scorer';
import { scorerConfigFrom } from '@alphapo/scorer/testing';
import { CALL, LOOPBACK, silent, smallModel } from './services.fixture.ts';

/** A scorer that is stopped while a call runs: ALPHAPO_DRAIN_SECONDS decides how long it waits. */

const UNDER_POLICY: ScoreRequest = {
  items: [],
  policy: { $case: 'latest', value: {} },
  perToken: false,
  objective: undefined,
  batch: undefined,
};

/** An optimizer that says that there is no policy, when it is let. */
async function slowOptimizer() {
  const handlers = new Handlers(silent);
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const never = handlers.unary(() => Promise.reject(new Error('not asked')));
  // biome-ignore lint/correctness/useYield: it fails before the first message
  const getPolicy = handlers.serverStream(async function* () {
    asked.resolve();
    await answered.promise;
    throw new AlphapoError('not-found', 'NO_POLICY', 'there is none');
  });
  const names = ['getStatus', 'pause', 'resume', 'checkpoint', 'export'].map((name) => [name, never]);
  const implementation = { ...Object.fromEntries(names), getPolicy, watchSteps: getPolicy };
  const services = [{ definition: OptimizerServiceDefinition, implementation }];
  const server = await RpcServer.start({ address: LOOPBACK, services, handlers, drainMs: 0 });
  return { server, asked: asked.promise, answer: answered.resolve };
}

/** Stops a scorer with that drain time while a call waits for the optimizer, which answers after a second or not at all. */
async function stopWhileCalled(drainSeconds: string, optimizerAnswers: 'after a second' | 'never') {
  const optimizer = await slowOptimizer();
  const environment = {
    ALPHAPO_MODEL: await smallModel(),
    ALPHAPO_ADDRESS: LOOPBACK,
    ALPHAPO_OPTIMIZER: optimizer.server.address,
    ALPHAPO_DRAIN_SECONDS: drainSeconds,
  };
  const config = scorerConfigFrom({ environment });
  const scorer = await startScorer(config, silent);
  using connection = connect(ScorerServiceDefinition, scorer.address);
  const call = connection.score(UNDER_POLICY, CALL).catch((error: AlphapoError) => error);
  await optimizer.asked;
  const began = performance.now();
  const stopped = scorer[Symbol.asyncDispose]();
  if (optimizerAnswers === 'after a second') setTimeout(optimizer.answer, 1_000);
  await stopped;
  const stopSeconds = (performance.now() - began) / 1000;
  optimizer.answer();
  await optimizer.server[Symbol.asyncDispose]();
  return { answer: await call, stopSeconds };
}

test('a call that ends within the drain time gets its answer, and the scorer waits no longer', async () => {
  const { answer, stopSeconds } = await stopWhileCalled('600', 'after a second');
  expect(answer).toMatchObject({ code: 'not-found', reason: 'NO_POLICY' });
  expect(stopSeconds).toBeGreaterThan(0.9);
});

test('a call that does not is cut off', async () => {
  const { answer, stopSeconds } = await stopWhileCalled('2', 'never');
  expect(answer).toMatchObject({ code: 'cancelled' });
  expect(stopSeconds).toBeGreaterThan(1.9);
  expect(stopSeconds).toBeLessThan(20);
});

test('a time that is none is refused by its name', () => {
  const environment = { ALPHAPO_MODEL: 'model', ALPHAPO_DRAIN_SECONDS: '-1' };
  expect(() => scorerConfigFrom({ environment })).toThrow(/ALPHAPO_DRAIN_SECONDS/);
});
