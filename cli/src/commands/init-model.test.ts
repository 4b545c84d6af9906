import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelFolder } from '@alphapo/engine';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { main } from '../main.ts';

const GEMMA = `{
  "model_type": "gemma2",
  "vocab_size": 256000,
  "hidden_size": 16,
  "intermediate_size": 24,
  "num_hidden_layers": 2,
  "num_attention_heads": 2,
  "num_key_value_heads": 1,
  "head_dim": 8,
  "eos_token_id": [1, 107],
  "final_logit_softcapping": 30.0
}`;

async function initModel(config: string): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), config);
  await main(['node', 'alphapo', 'init-model', join(folder, 'model'), '--config', join(folder, 'config.json')]);
  return join(folder, 'model');
}

test('a model of any architecture is made from a configuration, with the vocabulary of the tokenizer', async () => {
  const { definition } = await ModelFolder.open(await initModel(GEMMA));
  expect(definition).toMatchObject({ modelType: 'gemma2', vocabularySize: 259, layers: 2, logitSoftCap: 30 });
});

test('numbers stay as the configuration writes them: transformers tells 30.0 from 30', async () => {
  const written = await readFile(join(await initModel(GEMMA), 'config.json'), 'utf8');
  expect(written).toContain('"final_logit_softcapping": 30.0');
  expect(JSON.parse(written)).toMatchObject({ vocab_size: 259, eos_token_id: 1, pad_token_id: 2 });
});
