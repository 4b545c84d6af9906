import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '@alphapo/safetensors';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { alphapoProgram } from '../main.ts';

const alphapo = (...args: string[]) => alphapoProgram().parseAsync(['node', 'alphapo', ...args]);

const PAIRS = Array.from({ length: 6 }, (_, i) =>
  JSON.stringify({
    prompt: [{ role: 'user', content: `Is ${i} even?` }],
    chosen: [{ role: 'assistant', content: 'yes' }],
    rejected: [{ role: 'assistant', content: 'no' }],
  }),
);

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const json = async (...path: string[]) => JSON.parse(await readFile(at(...path), 'utf8'));
const merging = (out: string, ...more: string[]) =>
  alphapo('merge', '--model', at('base'), '--adapter', at('run', 'adapter'), '--out', at(out), ...more);

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(at('pairs.jsonl'), `${PAIRS.join('\n')}\n`);
  await alphapo('init-model', at('base'));
  await alphapo(
    ...['train', '--model', at('base'), '--data', at('pairs.jsonl'), '--out', at('run')],
    ...['--batch-size', '2', '--learning-rate', '1e-2', '--chat-template', 'chatml', '--eval-fraction', '0.3'],
    ...['--base-model-name', 'owner/base@v1'],
  );
}, 120_000);

test('the adapter has its base model’s name, the tokenizer, the template that was trained with, and a card', async () => {
  expect(await readdir(at('run', 'adapter'))).toEqual(
    expect.arrayContaining([
      ...['README.md', 'alphapo.json', 'adapter_config.json', 'adapter_model.safetensors'],
      ...['chat_template.jinja', 'tokenizer.json', 'tokenizer_config.json'],
    ]),
  );
  expect(await json('run', 'adapter', 'adapter_config.json')).toMatchObject({
    base_model_name_or_path: 'owner/base',
    revision: 'v1',
  });
  expect(await readFile(at('run', 'adapter', 'chat_template.jinja'), 'utf8')).toContain('<|im_start|>');
  const card = await readFile(at('run', 'adapter', 'README.md'), 'utf8');
  expect(card).toContain('base_model: owner/base\nlibrary_name: peft');
  expect(card).toContain('## Held-out pairs');
});

test('the name of the base model is no part of the run', async () => {
  const { specification } = await json('run', 'run.json');
  expect(JSON.stringify(specification)).not.toContain('owner/base');
});

test('a merged folder is a whole model, with the adapter’s template and a card', async () => {
  await merging('merged');
  expect((await readdir(at('merged'))).toSorted()).toEqual(
    [
      ...['README.md', 'alphapo.json', 'chat_template.jinja', 'config.json', 'model.safetensors'],
      ...['tokenizer.json', 'tokenizer_config.json'],
    ].toSorted(),
  );
  expect(await readFile(at('merged', 'config.json'), 'utf8')).toBe(await readFile(at('base', 'config.json'), 'utf8'));
  const card = await readFile(at('merged', 'README.md'), 'utf8');
  expect(card).toContain('base_model: owner/base\nlibrary_name: transformers');
  const [before, after] = [await openCheckpoint(at('base')), await openCheckpoint(at('merged'))];
  const name = 'model.layers.0.self_attn.q_proj.weight';
  expect(await after.readBytes(name)).not.toEqual(await before.readBytes(name));
});

test('a merged model scores as the base model with the adapter', async () => {
  await merging('scored');
  const scores = async (...model: string[]) => {
    await alphapo(
      'score',
      ...model,
      '--data',
      at('pairs.jsonl'),
      '--out',
      at('scores.jsonl'),
      '--chat-template',
      'chatml',
    );
    const lines = (await readFile(at('scores.jsonl'), 'utf8')).trim().split('\n');
    return lines.map((line) => JSON.parse(line).chosen.mean as number);
  };
  const [merged, apart, base] = [
    await scores('--model', at('scored')),
    await scores('--model', at('base'), '--adapter', at('run', 'adapter')),
    await scores('--model', at('base')),
  ];
  for (const [i, mean] of merged.entries()) expect(mean).toBeCloseTo(apart[i] as number, 4);
  expect(Math.abs((merged[0] as number) - (base[0] as number))).toBeGreaterThan(1e-3);
});

test('with --ollama, a Modelfile has the template that was trained with', async () => {
  await merging('ollama', '--ollama');
  const text = await readFile(at('ollama', 'Modelfile'), 'utf8');
  expect(text).toContain('FROM .\nTEMPLATE """{{');
  expect(text).toContain('{{ "<|im_end|>\\n<|im_start|>assistant\\n" }}');
  expect(text).toContain('PARAMETER stop """</s>"""');
});

test('with --ollama, a template that Ollama cannot have is refused before anything is written', async () => {
  await cp(at('run', 'adapter'), at('irregular'), { recursive: true });
  await writeFile(
    at('irregular', 'chat_template.jinja'),
    '{% for m in messages %}{{ loop.index }}{{ m.content }}{% endfor %}',
  );
  const merged = ['--model', at('base'), '--adapter', at('irregular'), '--out', at('none')];
  await expect(alphapo('merge', ...merged, '--ollama')).rejects.toMatchObject({ reason: 'OLLAMA_TEMPLATE' });
  expect(await readdir(folder)).not.toContain('none');
});

test('weights can be stored in another type than the base model’s; others stay as they are', async () => {
  await merging('narrow', '--save-dtype', 'bfloat16');
  const archive = await openCheckpoint(at('narrow'));
  expect(archive.entry('model.layers.0.self_attn.q_proj.weight').dtype).toBe('bf16');
  expect(archive.entry('model.norm.weight').dtype).toBe('f32');
});

test('the size of files can be chosen', async () => {
  await merging('shards', '--shard-size', '300k');
  expect(await readdir(at('shards'))).toContain('model.safetensors.index.json');
});

test('a folder with content is refused and stays', async () => {
  await mkdir(at('full'));
  await writeFile(at('full', 'mine'), '');
  await expect(merging('full')).rejects.toMatchObject({ reason: 'FOLDER_NOT_EMPTY' });
  expect(await readdir(at('full'))).toEqual(['mine']);
});

test('a whole model is refused as an adapter: there is nothing to merge', async () => {
  const whole = alphapo('merge', '--model', at('base'), '--adapter', at('base'), '--out', at('none'));
  await expect(whole).rejects.toMatchObject({ reason: 'WHOLE_MODEL' });
});

test('an adapter of another model is refused and nothing is left', async () => {
  const config = await json('base', 'config.json');
  await writeFile(at('wide.json'), JSON.stringify({ ...config, hidden_size: 48 }));
  await alphapo('init-model', at('wide'), '--config', at('wide.json'));
  const other = alphapo('merge', '--model', at('wide'), '--adapter', at('run', 'adapter'), '--out', at('none'));
  await expect(other).rejects.toMatchObject({ reason: 'ADAPTER_MISMATCH' });
  expect((await readdir(folder)).filter((name) => name.includes('none'))).toEqual([]);
});

test('an adapter without tokenizer gets that of the base model', async () => {
  const adapter = at('run', 'adapter');
  for (const name of ['tokenizer.json', 'chat_template.jinja', 'alphapo.json']) await rm(join(adapter, name));
  await merging('plain');
  expect(await readdir(at('plain'))).toEqual(expect.arrayContaining(['tokenizer.json', 'README.md']));
  expect(await readdir(at('plain'))).not.toContain('chat_template.jinja');
});
