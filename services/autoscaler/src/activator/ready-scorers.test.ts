import { createLogger } from '@alphapo/telemetry';
import { serve } from '../../../../libs/rpc/src/scorer.fixture.ts';
import { ReadyScorers } from './ready-scorers.ts';

/** Longer than the pause between two looks. */
const NEXT_LOOK_MS = 700;

test('scorers that are known stay so while they cannot be looked up', async () => {
  const { server, connection } = await serve();
  await using _ = server;
  connection[Symbol.dispose]();
  const answers = [async () => [server.address], () => Promise.reject(new Error('no DNS')), async () => []];
  let looks = 0;
  const discover = () => (answers[looks++] ?? (async () => []))();
  using scorers = new ReadyScorers(discover, undefined, createLogger({ service: 'test', level: 'silent' }));
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
