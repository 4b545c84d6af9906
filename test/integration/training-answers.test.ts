import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvaluatedStep } from '@alphapo/contracts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** `train` judged by its answers: what it writes and prints, after a kill too, and how it ends at a collapse. */

interface Place {
  readonly folder: string;
  run(...command: string[]): Promise<{ readonly output: string; readonly exitCode: number | null }>;
  /** Trains into a folder; kills itself at a point. */
  train(out: string, options: readonly string[], killPoint?: string): ReturnType<Place['run']>;
  json(out: string, file: string): Promise<Record<string, unknown>>;
  evaluations(out: string): Promise<EvaluatedStep[]>;
}

async function place(): Promise<Place> {
  const folder = await temporaryFolder();
  const execute = async (command: string[], options = {}) => {
    await using made = new ServiceProcess(command, options);
    const exitCode = await made.exited();
    return { output: made.output, exitCode };
  };
  const model = join(folder, 'model');
  await execute(['init-model', model]);
  const pairs = Array.from({ length: 48 }, (_, i) => ({ prompt: `Say ${i}`, chosen: ` ${i}`, rejected: ` ${i + 1}` }));
  await writeFile(join(folder, 'pairs.jsonl'), lines(pairs));
  const read = async (out: string, file: string) => (await readFile(join(folder, out, file), 'utf8')).trim();
  return {
    folder,
    run: (...command) => execute(command),
    train: (out, options, killPoint) =>
      execute(
        [
          ...['train', '--model', model, '--data', join(folder, 'pairs.jsonl'), '--out', join(folder, out)],
          ...['--batch-size', '4', '--checkpoint-every', '3', '--threads', '1', '--eval-max-tokens', '8', ...options],
        ],
        killPoint === undefined
          ? {}
          : { environment: { KILL_POINT: killPoint }, preload: [join(import.meta.dirname, 'kill-point.ts')] },
      ),
    json: async (out, file) => JSON.parse(await read(out, file)),
    evaluations: async (out) => (await read(out, 'evaluations.jsonl')).split('\n').map((line) => JSON.parse(line)),
  };
}

const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');

let at: Place;
let prompts: string;
beforeAll(async () => {
  at = await place();
  const asked = Array.from({ length: 6 }, (_, i) => ({ id: `say-${i}`, prompt: `Say ${i}` }));
  const [data, answers] = [join(at.folder, 'asked.jsonl'), join(at.folder, 'answered.jsonl')];
  await writeFile(data, lines(asked));
  await at.run(
    ...['generate', '--model', join(at.folder, 'model'), '--data', data, '--out', answers, '--max-tokens', '8'],
    ...['--threads', '1'],
  );
  const said = (await readFile(answers, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  // What the model says before counts as right: any change is for the worse.
  prompts = join(at.folder, 'prompts.jsonl');
  await writeFile(prompts, lines(asked.map((prompt, i) => ({ ...prompt, answer: said[i].text }))));
});

test('answers are in evaluations.jsonl, the summary, the model card and on the screen, after a kill too', async () => {
  const options = ['--eval-prompts', prompts, '--eval-every', '4', '--learning-rate', '1e-2'];
  const whole = await at.train('whole', options);
  expect(whole).toMatchObject({ exitCode: 0 });
  const evaluations = await at.evaluations('whole');
  expect(evaluations.map(({ step }) => step)).toEqual([0, 4, 8, 12]);
  expect(evaluations[0]?.answers).toMatchObject({ prompts: 6, judged: 6, right: 1 });
  expect(evaluations[0]?.evaluation).toBeUndefined();
  expect(await at.json('whole', 'summary.json')).toMatchObject({ evaluations });
  expect(whole.output).toContain('answers after 0 steps (6 prompts): right 100.0 % (6 of 6)');
  expect(whole.output).toMatch(/prompt "Say \d"\n {2}before \(right\) ".*"\n {2}after {2}\(wrong\) "/);
  const card = await readFile(join(at.folder, 'whole', 'adapter', 'README.md'), 'utf8');
  expect(card).toMatch(/## Answers\n[\s\S]*\| step \| prompts \| judged \| right \|/);
  expect(await at.train('killed', options, 'after-publish:8')).toMatchObject({ exitCode: null });
  expect(await at.train('killed', [...options, '--resume'])).toMatchObject({ exitCode: 0 });
  expect(await at.evaluations('killed')).toEqual(evaluations);
});

test('a run that breaks its model says so, and with --stop-on-collapse ends with the best policy before', async () => {
  const options = ['--eval-prompts', prompts, '--eval-every', '2', '--learning-rate', '0.3'];
  const stopped = await at.train('stopped', [...options, '--stop-on-collapse']);
  expect(stopped).toMatchObject({ exitCode: 0 });
  expect(stopped.output).toMatch(/warning, after 2 steps: fewer answers are right/);
  expect(stopped.output).toMatch(/the run ended, and its result is the policy of step 0, the best one before/);
  expect(await at.json('stopped', 'summary.json')).toMatchObject({
    ...{ steps: 2, resultStep: 0, artefact: 'adapter', collapsed: { kind: 'wrong', step: 2 } },
  });
  expect(await at.json('stopped', 'adapter/alphapo.json')).toMatchObject({ step: 0, data: { train: 48 } });
  const { policyDigest } = await at.json('stopped', 'summary.json');
  expect(await at.json('stopped', 'adapter/alphapo.json')).toMatchObject({ digests: { policy: policyDigest } });
  const again = await at.train('stopped', [...options, '--stop-on-collapse', '--resume']);
  expect(again).toMatchObject({ exitCode: 0 });
  expect(await at.json('stopped', 'adapter/alphapo.json')).toMatchObject({ step: 0 });
  expect(await at.evaluations('stopped')).toHaveLength(2);
});

test('--stop-on-collapse that comes too late says that no earlier policy was kept', async () => {
  const options = ['--eval-prompts', prompts, '--eval-every', '2', '--learning-rate', '0.3', '--epochs', '0.4'];
  expect(await at.train('late', options)).toMatchObject({ exitCode: 0 });
  const late = await at.train('late', [...options, '--stop-on-collapse', '--resume']);
  expect(late).toMatchObject({ exitCode: 0 });
  expect(late.output).toContain('its earlier policies were not kept');
  const { steps, resultStep } = await at.json('late', 'summary.json');
  expect(resultStep).toBe(steps);
  expect(await at.json('late', 'adapter/alphapo.json')).toMatchObject({ step: steps });
});

test('evaluations on other prompts are kept, and do not count', async () => {
  const options = ['--eval-prompts', prompts, '--learning-rate', '1e-2', '--epochs', '0.4'];
  expect(await at.train('other', options)).toMatchObject({ exitCode: 0 });
  const before = await at.evaluations('other');
  expect(await at.train('other', [...options, '--eval-max-tokens', '4', '--resume'])).toMatchObject({ exitCode: 0 });
  const after = await at.evaluations('other');
  expect(after.filter(({ dataDigest }) => dataDigest === before[0]?.dataDigest)).toEqual(before);
  const { evaluations } = await at.json('other', 'summary.json');
  expect(evaluations).toEqual(after.filter(({ dataDigest }) => dataDigest !== before[0]?.dataDigest));
  expect(evaluations).toMatchObject([{ step: before.at(-1)?.step }]);
});

test.each<[line: string, message: string]>([
  ['{"prompt": "Say 1", "anwser": "1"}', 'bad.jsonl:1: anwser: no such field; did you mean answer?'],
  ['{"prompt": "Say 1", "answer": {"number": "1"}}', 'bad.jsonl:1: answer: needs a text'],
  [
    '{"prompt": "Say 1", "answer": {"regex": "("}}',
    'bad.jsonl:1: answer: regex is no regular expression: Invalid regular expression',
  ],
  ['{"prompt_ids": [0, 999999]}', "bad.jsonl:1: token 999999 is not in the model's vocabulary"],
  [`{"prompt": "${'a'.repeat(3000)}"}`, 'bad.jsonl:1: has 3001 tokens; the model takes'],
  ['{"question": "Say 1"}', 'needs one of prompt (text), messages'],
  ['', 'bad.jsonl'],
])('prompts that cannot be used are refused before anything is trained: %s', async (line, message) => {
  const bad = join(at.folder, 'bad.jsonl');
  await writeFile(bad, line);
  const { output, exitCode } = await at.train('refused', ['--eval-prompts', bad]);
  expect(exitCode).not.toBe(0);
  expect(output).toContain(message);
});

test.each([
  ['needs something to see a collapse by', ['--eval-every', '2']],
  ['needs evaluations during the run; add --eval-every', ['--eval-fraction', '0.1']],
])('a collapse that nothing could show is refused: %s', async (problem, options) => {
  const { output, exitCode } = await at.train('blind', ['--stop-on-collapse', ...options]);
  expect([exitCode === 0, output]).toEqual([false, expect.stringContaining(`stop-on-collapse: ${problem}`)]);
});
