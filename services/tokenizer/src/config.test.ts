import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { tokenizerConfigFrom } from './config.ts';

const MODEL = {
  ...{ model_type: 'llama', vocab_size: 10, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1 },
  ...{ num_attention_heads: 1, max_position_embeddings: 64, rms_norm_eps: 1e-5, hidden_act: 'silu' },
};

test.each([
  [undefined, []],
  ['', []],
  ['annotator', ['annotator']],
  ['annotator, split ,', ['annotator', 'split']],
])('--ignore-fields %j', async (names, expected) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), JSON.stringify(MODEL));
  await writeFile(join(folder, 'run.yaml'), 'steps: 1\n');
  const environment = { ALPHAPO_MODEL: folder, ALPHAPO_RUN: join(folder, 'run.yaml') };
  const config = await tokenizerConfigFrom({ environment, options: { ignoreFields: names } });
  expect(config.ignoreFields).toEqual(expected);
});
