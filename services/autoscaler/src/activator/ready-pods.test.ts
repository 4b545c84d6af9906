import { ScorerServiceDefinition } from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { serve } from '../../../../libs/rpc/src/scorer.fixture.ts';
import { ReadyPods } from './ready-pods.ts';

/** Longer than the pause between two looks. */
const NEXT_LOOK_MS = 700;

test('scorers that are known stay so while they cannot be looked up', async () => {
  const { server, connection } = await serve();
  await using _ = server;
  connection[Symbol.dispose]();
  const answers = [async () => [server.address], () => Promise.reject(new Error('no DNS')), async () => []];
  let looks = 0;
  const discover = () => (answers[looks++] ?? (async () => []))();
  const logger = createLogger({ service: 'test', level: 'silent' });
  const connectTo = (address: string) => connect(ScorerServiceDefinition, address);
  const options = { component: 'scorer', discover, connect: connectTo, security: undefined, logger } as const;
  using scorers = new ReadyPods(options);
  const isThere = async () => {
    await scorers.looked();
    using chosen = scorers.choose();
    return chosen !== undefined;
  };
  expect(await isThere()).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, NEXT_LOOK_MS));
  expect(await isThere()).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, NEXT_LOOK_MS));
  expect(await isThere()).toBe(false);
  expect(looks).toBe(3);
});
