import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FloatTensor, type FloatTensors, floatTensor } from '@alphapo/base';
import { writeModel } from '@alphapo/checkpoints';
import { main } from '@alphapo/cli';
import { openCheckpoint } from '@alphapo/safetensors';
import { tinyConfigs } from '../../libs/engine/src/model.fixture.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { demoAnswers } from './demo-answers.ts';
import { runPython } from './python.ts';

/** What other programs make of our files and services: transformers, PEFT, and a client made from our proto files. */

const INSTALL_MS = 30 * 60_000;
const alphapo = (...args: string[]) => main(['node', 'alphapo', ...args]);

/** A small model of each architecture; LongRoPE's original context is shorter than every sequence. */
const CONFIGS = Object.values(tinyConfigs).map((config) =>
  config.model_type === 'phi3' ? { ...config, original_max_position_embeddings: 3 } : config,
);

interface Scored {
  readonly chosen: number[];
  readonly rejected: number[];
}

/** Pairs of token ids in a file that both sides read. */
async function writePairs(folder: string): Promise<{ records: string; json: string }> {
  const ids = (n: number, seed: number) => Array.from({ length: n }, (_, i) => (seed + 31 * i) % 259);
  const pairs = Array.from({ length: 12 }, (_, i) => ({
    prompt: ids(3 + i, i),
    chosen: ids(2 + (i % 5), 7 * i),
    rejected: ids(1 + (i % 7), 11 * i + 1),
  }));
  const [records, json] = [join(folder, 'pairs.jsonl'), join(folder, 'pairs.json')];
  const lines = pairs.map(({ prompt, chosen, rejected }) =>
    JSON.stringify({ prompt_ids: prompt, chosen_ids: chosen, rejected_ids: rejected }),
  );
  await writeFile(records, `${lines.join('\n')}\n`);
  await writeFile(json, JSON.stringify(pairs));
  return { records, json };
}

/** The weights of a model, by the names of their files. */
async function weightsOf(model: string): Promise<FloatTensors> {
  const archive = await openCheckpoint(model);
  const tensors = new Map<string, FloatTensor>();
  for (const [name, { shape }] of archive.tensors) tensors.set(name, floatTensor(shape, await archive.read(name)));
  return tensors;
}

async function ourScores(model: string, records: string, out: string, adapter?: string): Promise<Scored[]> {
  const options = adapter === undefined ? [] : ['--adapter', adapter];
  await alphapo('score', '--model', model, '--data', records, '--out', out, '--per-token', ...options);
  const lines = (await readFile(out, 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const { chosen, rejected } = JSON.parse(line);
    return { chosen: chosen.logProbs, rejected: rejected.logProbs };
  });
}

function expectEqualScores(ours: Scored[], theirs: Scored[]): void {
  expect(ours).toHaveLength(theirs.length);
  for (const [i, pair] of ours.entries()) {
    for (const side of ['chosen', 'rejected'] as const) {
      pair[side].forEach((logProb, t) => {
        expect(Math.abs(logProb - (theirs[i]?.[side][t] ?? Number.NaN))).toBeLessThan(1e-4);
      });
    }
  }
}

test.each(CONFIGS.map((config) => [config.model_type, config] as const))(
  'transformers and PEFT load what we trained on %s, and get our log-probabilities',
  async (_name, config) => {
    const folder = await temporaryFolder();
    const { records, json } = await writePairs(folder);
    const model = join(folder, 'model');
    const configFile = join(folder, 'config.json');
    await writeFile(configFile, JSON.stringify(config));
    await alphapo('init-model', model, '--config', configFile);
    const training = [
      '--model',
      model,
      '--data',
      records,
      '--batch-size',
      '4',
      '--learning-rate',
      '5e-3',
      '--epochs',
      '3',
    ];
    const [lora, full] = [join(folder, 'lora'), join(folder, 'full')];
    await alphapo('train', ...training, '--out', lora);
    await alphapo('train', ...training, '--out', full, '--full');

    const adapter = join(lora, 'adapter');
    const adapted = await ourScores(model, records, join(folder, 'a.jsonl'), adapter);
    expectEqualScores(adapted, await runPython('load_artefacts.py', model, json, adapter));
    const trained = join(full, 'model');
    const whole = await ourScores(trained, records, join(folder, 'b.jsonl'));
    expectEqualScores(whole, await runPython('load_artefacts.py', trained, json));
    // Training changed something, or the comparison would prove little.
    expect(adapted[0]?.chosen[0]).not.toBeCloseTo(whole[0]?.chosen[0] ?? 0, 3);
  },
  INSTALL_MS,
);

test.each(['bf16', 'f16'] as const)(
  'transformers loads all weights that were trained of a model in %s, as the model is stored',
  async (type) => {
    const folder = await temporaryFolder();
    const { records, json } = await writePairs(folder);
    const [fresh, model, out] = [join(folder, 'fresh'), join(folder, 'model'), join(folder, 'out')];
    await alphapo('init-model', fresh);
    const tensors = await weightsOf(fresh);
    await writeModel(model, { sourceFolder: fresh, tensors, dataType: type });
    await alphapo(
      ...['train', '--model', model, '--data', records, '--batch-size', '4', '--learning-rate', '5e-3'],
      ...['--epochs', '3', '--full', '--out', out],
    );
    const trained = join(out, 'model');
    const types = [...(await openCheckpoint(trained)).tensors.values()].map(({ dtype }) => dtype);
    expect(new Set(types)).toEqual(new Set([type]));
    const name = { bf16: 'bfloat16', f16: 'float16' }[type];
    expect(JSON.parse(await readFile(join(trained, 'config.json'), 'utf8')).torch_dtype).toBe(name);
    const scores = await ourScores(trained, records, join(folder, 'scores.jsonl'));
    expectEqualScores(scores, await runPython('load_artefacts.py', trained, json));
  },
  INSTALL_MS,
);

test.each([1, 42])(
  'the demo leaves a model that answers more questions by itself: seed %d',
  async (seed) => {
    const { questions, before, after, displacement } = await demoAnswers(await temporaryFolder(), seed, 100);
    expect(questions).toBe(100);
    // Measured: bench/results/demo.md. The model before answers a third, by chance and by letters that are frequent.
    expect(after).toBeGreaterThanOrEqual(80);
    expect(after).toBeGreaterThan(before);
    expect(displacement.chosen).toBeGreaterThan(0);
  },
  INSTALL_MS,
);

test(
  'a Python client made from our proto files scores text',
  async () => {
    const folder = await temporaryFolder();
    const model = join(folder, 'model');
    await alphapo('init-model', model);
    await using scorer = new ServiceProcess(['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0']);
    const address = await scorer.address();
    const protos = join(import.meta.dirname, '../../proto');
    const [prompt, chosen, rejected] = ['Is 4 even or odd? ', 'It is even.', 'It is odd.'];
    const scores = await runPython<{ chosen: number; rejected: number; tokens: number[] }>(
      'score_text.py',
      ...[protos, address, prompt, chosen, rejected],
    );
    const data = join(folder, 'text.jsonl');
    const out = join(folder, 'text.scores');
    await writeFile(data, JSON.stringify({ prompt, chosen, rejected }));
    await alphapo('score', '--model', model, '--data', data, '--out', out);
    const ours = JSON.parse(await readFile(out, 'utf8'));
    expect(scores.tokens).toEqual([ours.chosen.tokens, ours.rejected.tokens]);
    expect(scores.chosen).toBeCloseTo(ours.chosen.mean, 5);
    expect(scores.rejected).toBeCloseTo(ours.rejected.mean, 5);
  },
  INSTALL_MS,
);
