import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { BAD, trainedRun } from './lineage.fixture.ts';

let run: string;
beforeAll(async () => {
  run = (await trainedRun()).run;
});

async function deadLetters(...args: string[]): Promise<{ code: number | null; output: string }> {
  await using child = new ServiceProcess(['dead-letters', '--run', run, ...args]);
  const code = await child.exited();
  return { code, output: child.output };
}

test('each record that was refused is shown with where it came from, why, and how it begins', async () => {
  const { code, output } = await deadLetters();
  expect(code).toBe(0);
  expect(output).toMatch(
    /pairs\.jsonl:7 \(preferences\/0\/1\)\n {2}EMPTY_RESPONSE: chosen is empty.*\n {2}\{"id":"bad","prompt":"a"/,
  );
  expect(output).toMatch(/^reason +records$/m);
  for (const reason of ['NOT_AN_OBJECT', 'EMPTY_RESPONSE', 'NOT_JSON']) {
    expect(output).toMatch(new RegExp(`^${reason} +1$`, 'm'));
  }
});

test('as JSON, a line has reason, message, source and the record', async () => {
  const { output } = await deadLetters('--json', '--reason', 'NOT_JSON');
  expect(JSON.parse(output)).toEqual({
    reason: 'NOT_JSON',
    message: expect.stringMatching(/is not valid JSON/),
    ...{ topic: 'preferences', partition: 0, offset: '2', origin: expect.stringMatching(/pairs\.jsonl:8$/) },
    record: '{',
  });
});

test('the records can be written to a file, to be mended and sent again', async () => {
  const file = join(await temporaryFolder(), 'mend.jsonl');
  expect((await deadLetters('--out', file)).output).toContain(`wrote ${BAD} records to ${file}`);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  expect(lines.sort()).toEqual(['[]', '{', '{"id":"bad","prompt":"a","chosen":"","rejected":"b"}'].sort());
});

test('a limit leaves letters out and says how many; all are counted', async () => {
  const { output } = await deadLetters('--limit', '1');
  expect(output).toMatch(/and 2 more: --limit 0 shows all/);
  expect(output.match(/^\S+ \(preferences\//gm)).toHaveLength(1);
});
