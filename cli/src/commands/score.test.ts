import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors, writeSafetensors } from '@alphapo/safetensors';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { initModel, TINY_CONFIG } from './init-model.ts';
import { scoreCommand } from './score.ts';
import { trainCommand } from './train.ts';

const PAIR = { id: 'sums', prompt: 'What is 2 + 2? ', chosen: 'It is 4.', rejected: 'It is 5.' };

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  data = join(folder, 'pairs.jsonl');
  await writeFile(data, `${JSON.stringify(PAIR)}\n`);
  await appendFile(data, `${JSON.stringify({ ...PAIR, id: 'other', prompt: 'And 1 + 3? ' })}\n`);
});

/** A model with one element of a tensor in place of its own. */
async function modelWith(tensor: string, value: number): Promise<string> {
  const model = await temporaryFolder();
  await initModel(model, TINY_CONFIG, 1);
  const file = join(model, 'model.safetensors');
  const archive = await openSafetensors(file);
  const tensors = await Promise.all(
    [...archive.tensors].map(async ([name, { shape }]) => {
      const values = await archive.read(name);
      if (name === tensor) values[3] = value;
      return { name, dtype: 'f32', shape, data: values } as const;
    }),
  );
  await writeSafetensors(file, tensors, { format: 'pt' });
  return model;
}

const score = (model: string, ...more: string[]) =>
  scoreCommand().parseAsync(['--model', model, '--data', data, '--out', join(folder, 'scores'), ...more], {
    from: 'user',
  });
const train = (model: string, out: string) =>
  trainCommand().parseAsync(
    ['--model', model, '--data', data, '--eval-data', data, '--out', join(folder, out), '--log-level', 'silent'],
    { from: 'user' },
  );

test.each([
  ['model.norm.weight', Number.NaN],
  ['model.layers.1.mlp.down_proj.weight', Number.POSITIVE_INFINITY],
  ['lm_head.weight', Number.NaN],
])('a model whose %s has %d gives no scores: the pair and the tensor are named', async (tensor, value) => {
  const model = await modelWith(tensor, value);
  const error = {
    reason: 'NON_FINITE_SCORE',
    message: expect.stringContaining(
      `sums: its score is not finite; the weights are not finite: ${tensor} has ${value}`,
    ),
  };
  await expect(score(model)).rejects.toMatchObject(error);
  await expect(score(model, '--objective', 'alphapo')).rejects.toMatchObject(error);
});

test('a run on such a model ends at its first evaluation', async () => {
  const model = await modelWith('model.norm.weight', Number.NaN);
  await expect(train(model, 'run')).rejects.toMatchObject({
    reason: 'NON_FINITE_SCORE',
    metadata: { pair: 'sums', tensor: 'model.norm.weight' },
  });
});

test('a model whose weights are finite is scored', async () => {
  await score(await modelWith('model.norm.weight', 1));
  const lines = (await readFile(join(folder, 'scores'), 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).id)).toEqual(['sums', 'other']);
});

test('a run without held-out pairs that stops at such a model names the tensor too', async () => {
  const model = await modelWith('model.norm.weight', Number.NaN);
  const args = ['--model', model, '--data', data, '--out', join(folder, 'stopped'), '--log-level', 'silent'];
  await expect(trainCommand().parseAsync(args, { from: 'user' })).rejects.toMatchObject({
    reason: 'NON_FINITE_LOSS',
    message: `${model}: the weights are not finite: model.norm.weight has NaN at element 3; fetch or train the model again`,
    metadata: { tensor: 'model.norm.weight' },
  });
});
