import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeKafka, startKafka } from '../kafka/broker.ts';
import { describeShared, sharedPath } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo, expectAllAccountedFor, trainEmbedded, trainOverKafka } from './kafka-run.ts';

/** Real preference pairs on a real small Llama; minutes long. `npm run trial:real` runs it. */

const model = () => sharedPath('data/models/stories260K/hf') as string;
const SHORT = 'data/prefs/rasbt-instruction-preference/pairs.jsonl';
const SHORT_PAIRS = 1094;
const HH = 'data/prefs/hh-rlhf-helpful-base-test/pairs.jsonl.gz';
const TIMEOUT_MS = 20 * 60_000;

const LORA = ['--learning-rate', '1e-3'];
const FULL = ['--full', '--learning-rate', '2e-4'];

describeShared('data/prefs', () => {
  test.each([
    ['short pairs', SHORT, 'LoRA', [...LORA, '--epochs', '2']],
    ['short pairs', SHORT, 'all weights', [...FULL, '--epochs', '2']],
    ['HH pairs', HH, 'LoRA', LORA],
    ['HH pairs', HH, 'all weights', FULL],
  ])(
    '%s (%s), %s: held-out loss falls and accuracy rises',
    async (_what, data, _method, options) => {
      const out = join(await temporaryFolder(), 'run');
      const input = ['--model', model(), '--data', sharedPath(data) as string, '--eval-fraction', '0.1'];
      await alphapo('train', ...input, '--out', out, '--batch-size', '32', ...options);
      const { evaluations } = JSON.parse(await readFile(join(out, 'summary.json'), 'utf8'));
      const [before, after] = [evaluations.at(0).evaluation, evaluations.at(-1).evaluation];
      expect(after.loss).toBeLessThan(before.loss);
      expect(after.accuracy).toBeGreaterThan(before.accuracy + 0.05);
    },
    TIMEOUT_MS,
  );
});

describeKafka('real pairs over Kafka', () => {
  test(
    'killed and resumed, the run ends with the bits of the run on one machine',
    async () => {
      await using broker = await startKafka();
      const folder = await temporaryFolder();
      const config = join(folder, 'run.yaml');
      const steps = Math.ceil(SHORT_PAIRS / 32);
      const settings = { batchSize: 32, learningRate: 1e-3, maxLength: 512 };
      await writeFile(config, JSON.stringify({ ...settings, steps }));
      const place = { folder, model: model(), data: sharedPath(SHORT) as string, config };
      // The same specification, but ended by the data: the last batch is not filled up from another epoch.
      const oneEpoch = join(folder, 'one-epoch.yaml');
      await writeFile(oneEpoch, JSON.stringify({ ...settings, epochs: 1 }));
      const embedded = await trainEmbedded({ ...place, config: oneEpoch });
      const prefix = `real-${process.pid}-`;
      const adapter = await trainOverKafka(broker, place, { prefix, killAfterStep: 17, checkpointEvery: 10 });
      expect(adapter.equals(embedded)).toBe(true);
      await expectAllAccountedFor(broker, prefix, { sent: SHORT_PAIRS, bad: 0, steps });
    },
    TIMEOUT_MS,
  );
});
