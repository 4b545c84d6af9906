import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { publishedModels } from '../../libs/models/src/published.fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { CHART, describeHelm, render } from './helm.ts';

/** The examples of the chart: each renders, and its numbers are what its comments say. */

const FOLDER = join(CHART, 'examples');
const EXAMPLES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
const ALPHAPO = join(import.meta.dirname, '../../cli/bin/alphapo.js');

/** What each example on GPUs trains, and the memory of its GPU. */
const ON_GPU = [
  ['gpu-24gb.yaml', 'mistralai/Mistral-7B-Instruct-v0.2', '24GB'],
  ['mistral-7b-two-a100.yaml', 'mistralai/Mistral-7B-Instruct-v0.2', '80GB'],
  ['llama-3-8b-external-kafka.yaml', 'meta-llama/Meta-Llama-3-8B-Instruct', '80GB'],
] as const;

const readExample = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

test('the README names each example', () => {
  for (const name of EXAMPLES) expect(readFileSync(join(FOLDER, 'README.md'), 'utf8')).toContain(`(${name})`);
});

test.each(EXAMPLES)('%s takes the steps that its pairs and its batch come to', (name) => {
  const { policy } = parse(readExample(name));
  const [, pairs = '', batch = ''] = /# ([\d,]+) pairs.* \/ (\d+) a batch, one epoch/.exec(readExample(name)) ?? [];
  expect(policy['batch-size']).toBe(Number(batch));
  expect(policy.steps).toBe(Math.ceil(Number(pairs.replaceAll(',', '')) / Number(batch)));
});

test.each(ON_GPU)('%s fits into its GPU', async (name, model, memory) => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'model'));
  await writeFile(join(folder, 'model', 'config.json'), JSON.stringify(publishedModels[model].config));
  await writeFile(join(folder, 'run.yaml'), JSON.stringify(parse(readExample(name)).policy));
  const options = ['--model', join(folder, 'model'), '--config', join(folder, 'run.yaml'), '--device', 'cuda'];
  const { stdout } = await promisify(execFile)(process.execPath, [ALPHAPO, 'plan', ...options, '--memory', memory]);
  const [, planned] = /packs of .*: about ([\d.]+ GB)/.exec(stdout) ?? [];
  expect(planned).toBeDefined();
  expect(readExample(name)).toContain(planned);
});

describeHelm('examples', () => {
  test.each(EXAMPLES)('%s renders', (name) => {
    const brokers = name === 'laptop.yaml' ? { kafka: { brokers: [] } } : {};
    const resources = render(brokers, [join('examples', name)]);
    const kinds = new Set(resources.map(({ kind }) => kind));
    expect([...kinds]).toEqual(expect.arrayContaining(['Deployment', 'StatefulSet', 'ConfigMap', 'NetworkPolicy']));
  });
});
