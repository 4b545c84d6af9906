import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { main } from '@alphapo/cli';
import { startTestSampler } from '../integration/sampler.fixture.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runPython } from './python.ts';

/** OpenAI's own client and lm-evaluation-harness against a sampler with a real instruct model and an adapter of it. */

const SMOLLM2 = process.env.ALPHAPO_SMOLLM2 ?? join(homedir(), '.cache/alphapo-models/smollm2-135m-instruct');
const ADAPTER_NAME = 'tuned';

/** Facts with a wrong answer beside the right one, both of one word. */
const FACTS: readonly [question: string, right: string, wrong: string][] = [
  ['The capital of France is', 'Paris', 'Rome'],
  ['The capital of Italy is', 'Rome', 'Madrid'],
  ['The capital of Spain is', 'Madrid', 'Berlin'],
  ['The capital of Germany is', 'Berlin', 'Paris'],
  ['The capital of Japan is', 'Tokyo', 'Beijing'],
  ['The opposite of hot is', 'cold', 'warm'],
  ['The opposite of big is', 'small', 'large'],
  ['The opposite of fast is', 'slow', 'quick'],
  ['The color of the sky on a clear day is', 'blue', 'green'],
  ['The color of fresh grass is', 'green', 'blue'],
  ['Water freezes at zero degrees', 'Celsius', 'Fahrenheit'],
  ['The planet that we live on is called', 'Earth', 'Mars'],
  ['The largest ocean on Earth is the', 'Pacific', 'Arctic'],
  ['The author of Hamlet is William', 'Shakespeare', 'Dickens'],
  ['A baby dog is called a', 'puppy', 'kitten'],
  ['A baby cat is called a', 'kitten', 'puppy'],
];

const lines = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

interface Evaluated {
  readonly accuracy: number;
  readonly logProbs: readonly (readonly number[])[];
}

let adapter: string;
let sampler: Awaited<ReturnType<typeof startTestSampler>>;
let questions: string;

beforeAll(async () => {
  if (!existsSync(SMOLLM2)) throw new Error(`there is no SmolLM2 at ${SMOLLM2}; set ALPHAPO_SMOLLM2 to its folder`);
  const folder = await temporaryFolder();
  const data = join(folder, 'pairs.jsonl');
  // The wrong answers are preferred, so that the policy differs from the base where it is looked at.
  await writeFile(
    data,
    lines(FACTS.map(([prompt, right, wrong]) => ({ prompt, chosen: ` ${wrong}`, rejected: ` ${right}` }))),
  );
  const settings = '--steps 6 --batch-size 16 --learning-rate 1e-3 --lora-rank 4'.split(' ');
  await main([
    ...['node', 'alphapo', 'train', '--model', SMOLLM2, '--data', data],
    ...['--out', join(folder, 'run')],
    ...settings,
  ]);
  adapter = join(folder, 'run', 'adapter');
  questions = join(folder, 'questions.jsonl');
  await writeFile(
    questions,
    lines(
      FACTS.map(([question, right, wrong], i) => ({
        question,
        choices: i % 2 ? [wrong, right] : [right, wrong],
        answer: i % 2,
      })),
    ),
  );
  sampler = await startTestSampler(SMOLLM2, { modelName: 'smollm2', adapters: new Map([[ADAPTER_NAME, adapter]]) });
});
afterAll(async () => {
  await sampler?.[Symbol.asyncDispose]();
});

test('OpenAI’s client lists, completes, echoes, chats and streams', async () => {
  const heard = await runPython<Record<string, unknown>>('openai_client.py', sampler.url, 'smollm2', ADAPTER_NAME);
  expect(heard).toMatchObject({
    models: ['smollm2', ADAPTER_NAME],
    completion: { texts: [expect.stringContaining('Paris'), expect.any(String)], tokens: 8, logprobs: [4, 4] },
    echoed: { text: 'The capital of France is Paris', logprobs: [null, ...Array(5).fill(expect.any(Number))] },
    chat: 'The capital of France is Paris.',
    streamed: 'The capital of France is Paris.',
    usage: 8,
    error: { status: 404, code: 'MODEL_NOT_FOUND', param: 'model' },
  });
  expect(heard.chat_logprobs).toEqual(Array(8).fill(3));
});

test.each(['smollm2', ADAPTER_NAME])('lm-evaluation-harness scores %s as it does with transformers', async (served) => {
  const options = served === ADAPTER_NAME ? [adapter] : [];
  const { served: ours, local } = await runPython<{ served: Evaluated; local: Evaluated }>(
    ...(['harness.py', sampler.url, served, SMOLLM2, questions, ...options] as const),
  );
  process.stdout.write(
    `${served}: accuracy ${ours.accuracy} through the sampler, ${local.accuracy} with transformers\n`,
  );
  expect(ours.accuracy).toBe(local.accuracy);
  expect(ours.logProbs).toHaveLength(FACTS.length);
  for (const [i, own] of ours.logProbs.entries()) {
    for (const [j, logProb] of own.entries()) expect(logProb).toBeCloseTo(local.logProbs[i]?.[j] as number, 3);
  }
});
