import { PreferenceBatch } from '@alphapo/contracts';
import { EndOfData } from './end-of-data.ts';

const batch = (partition: number, endOfData: boolean, sourcePartitions = 0) =>
  PreferenceBatch.fromPartial({ source: { partition }, endOfData, sourcePartitions });

function after(...earlier: PreferenceBatch[]) {
  let readings = 0;
  const end = new EndOfData(async function* () {
    readings++;
    yield* earlier;
  });
  return { end, readings: () => readings };
}

test('a run ends when each partition has ended, however often one says so', async () => {
  const { end } = after();
  expect(await end.ends(batch(2, true, 3))).toBe(false);
  expect(await end.ends(batch(2, true, 3))).toBe(false);
  expect(await end.ends(batch(0, true, 3))).toBe(false);
  expect(await end.ends(batch(1, false))).toBe(false);
  expect(await end.ends(batch(1, true, 3))).toBe(true);
});

test('what ended before an optimizer was started again counts, and is looked up once', async () => {
  const { end, readings } = after(batch(0, true, 3), batch(1, false), batch(2, false));
  expect(await end.ends(batch(1, false))).toBe(false);
  expect(readings()).toBe(0);
  expect(await end.ends(batch(1, true, 3))).toBe(false);
  expect(await end.ends(batch(2, true, 3))).toBe(true);
  expect(readings()).toBe(1);
});

test('a batch that does not say how many partitions there are is of a topic with one', async () => {
  const { end, readings } = after();
  expect(await end.ends(batch(0, true))).toBe(true);
  expect(readings()).toBe(0);
});
