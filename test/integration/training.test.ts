import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeKafka, kafkaForTests } from '../kafka/broker.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { alphapo, expectAllAccountedFor, type RunPlace, trainEmbedded, trainOverKafka } from './kafka-run.ts';

const BATCH = 8;
const STEPS = 12;

const SETTINGS = {
  objective: 'alphapo',
  learningRate: 1e-3,
  batchSize: BATCH,
  steps: STEPS,
  shards: 4,
  loraRank: 4,
  maxLength: 128,
};

/** Pairs as people write them, with some among them that cannot be trained on. */
function records(): { lines: string[]; bad: number } {
  const lines: string[] = [];
  let bad = 0;
  for (let i = 0; i < BATCH * STEPS; i++) {
    lines.push(JSON.stringify({ id: `pair-${i}`, prompt: `Count from ${i}:`, chosen: ` ${i + 1}`, rejected: ` ${i}` }));
    if (i % 20 === 7) {
      lines.push(['{"prompt": "a"', '[]', '{"prompt":"a","chosen":"","rejected":"b"}'][bad % 3] as string);
      bad++;
    }
  }
  return { lines, bad };
}

async function workplace(): Promise<RunPlace & { sent: number; bad: number }> {
  const folder = await temporaryFolder();
  const [model, data, config] = [join(folder, 'model'), join(folder, 'pairs.jsonl'), join(folder, 'run.yaml')];
  await alphapo('init-model', model);
  const { lines, bad } = records();
  await writeFile(data, lines.map((line) => `${line}\n`).join(''));
  await writeFile(config, JSON.stringify(SETTINGS));
  return { folder, model, data, config, sent: lines.length, bad };
}

describeKafka('training over Kafka with services in processes of their own', () => {
  const broker = kafkaForTests();

  test('killed and resumed, it ends with the bits of the run on one machine, and every record is accounted for', async () => {
    const place = await workplace();
    const embedded = await trainEmbedded(place);
    const prefix = `training-${process.pid}-`;
    // Killed between two checkpoints: steps 6 and 7 are computed again, and must come out the same.
    const adapter = await trainOverKafka(broker, place, { prefix, killAfterStep: 7, checkpointEvery: 5 });
    expect(adapter.equals(embedded)).toBe(true);
    await expectAllAccountedFor(broker, prefix, { ...place, steps: STEPS });
  });
});
