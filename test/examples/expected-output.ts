import { openScorer } from '@alphapo/client';
import type { ExampleServices } from './example-services.ts';

/** The text and the pair that the READMEs' commands name. */
const TEXT = 'After 1 comes 2';
const PAIR = { prompt: 'After 1 comes ', chosen: '2', rejected: '1' };
const ALPHAPO = { alpha: 0.25, beta: 10, gamma: 1 };

/** The ids of the text by the tokenizer of bytes that test models have. */
const BYTES = [...Buffer.from(TEXT)];

/** Checks what the four commands of an example printed. */
export async function expectWholeExample(output: string, services: ExampleServices): Promise<void> {
  await expectTokenizedAndScored(output, services);
  expect(output).toContain('8 records sent to preferences');
  expectFollowed(output);
}

export async function expectTokenizedAndScored(output: string, services: ExampleServices): Promise<void> {
  expect(output).toContain(`text: ${TEXT}`);
  const ids = /^ids: (.*)$/m.exec(output)?.[1]?.match(/\d+/g) ?? [];
  expect(ids).toHaveLength(BYTES.length);
  for (const line of await scoreLines(services)) expect(output).toContain(line);
}

export function expectFollowed(output: string): void {
  expect(output).toMatch(/^step 1: loss \d+\.\d{4}, accuracy [01]\.\d\d$/m);
  expect(output).toMatch(/^step 2: loss \d+\.\d{4}, accuracy [01]\.\d\d$/m);
  expect(output).toContain('FINISHED after 2 of 2 steps');
}

/** What the scorer says of the pair: every client must print the same. */
async function scoreLines({ scorer, ca, tokenFile }: ExampleServices): Promise<readonly string[]> {
  const environment = { ALPHAPO_TLS: 'on', ALPHAPO_TLS_CA: ca, ALPHAPO_TOKEN_FILE: tokenFile };
  using client = await openScorer(scorer, { environment });
  const { prompt, chosen, rejected } = PAIR;
  const value = { prompt: { $case: 'text', value: prompt }, chosen, rejected } as const;
  const { results } = await client.score({
    items: [{ item: { $case: 'textPair', value } }],
    policy: { $case: 'base', value: {} },
    objective: { objective: { $case: 'alphapo', value: ALPHAPO } },
  });
  const [result] = results;
  return [
    `chosen: ${result?.chosen?.mean.toFixed(4)} nats per token`,
    `rejected: ${result?.rejected?.mean.toFixed(4)} nats per token`,
    `margin: ${result?.reward?.margin.toFixed(4)}`,
  ];
}
