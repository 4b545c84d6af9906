import { describeShared, sharedPath } from '../../../test/support/shared-data.ts';
import { parsePreference, readRecords } from './index.ts';

/** What becomes of every record of published preference data; `text`, `messages`: accepted, of this kind. */
const EXPECTED: readonly (readonly [file: string, outcomes: Readonly<Record<string, number>>])[] = [
  ['gsm8k-model-solutions/pairs.jsonl.gz', { messages: 5697 }],
  ['gsm8k-model-solutions/raw/example_model_solutions.jsonl.gz', { MISSING_FIELD: 1319 }],
  ['hh-rlhf-helpful-base-test/implicit.jsonl.gz', { text: 2352 }],
  ['hh-rlhf-helpful-base-test/pairs.jsonl.gz', { messages: 2341 }],
  ['hh-rlhf-helpful-base-test/raw/helpful.test.json.gz', { text: 2352 }],
  ['llamafactory-demos/dpo_en_demo.json', { messages: 300 }],
  ['llamafactory-demos/dpo_zh_demo.json', { messages: 300 }],
  ['llamafactory-demos/v1_dpo_demo.jsonl', { messages: 10 }],
  ['llamafactory-demos/kto_en_demo.json', { UNPAIRED: 300 }],
  ['oasst1-en/pairs-100trees.jsonl.gz', { messages: 719 }],
  ['oasst1-en/pairs-validation.jsonl.gz', { messages: 1021 }],
  ['pandalm-testset/pairs.jsonl', { messages: 836, EMPTY_RESPONSE: 52 }],
  ['pandalm-testset/raw/testset-v1.json', { MISSING_FIELD: 999 }],
  ['rasbt-instruction-preference/pairs.jsonl', { messages: 1094 }],
  [
    'rasbt-instruction-preference/raw/instruction-data-with-preference.json',
    { messages: 1094, IDENTICAL_RESPONSES: 6 },
  ],
  [
    'trl-zen-shapes/zen.json',
    { text: 38, messages: 38, UNPAIRED: 76, LANGUAGE_MODELLING: 38, PROMPT_ONLY: 38, STEPWISE_SUPERVISION: 19 },
  ],
  ['ultrafeedback-binarized-sample/eval_clean.jsonl.gz', { text: 199, IDENTICAL_RESPONSES: 1 }],
  ['ultrafeedback-binarized-sample/train_clean.jsonl.gz', { text: 994, IDENTICAL_RESPONSES: 4, EMPTY_RESPONSE: 2 }],
  ['ultrafeedback-binarized-sample/label_flip_30.jsonl.gz', { text: 994, IDENTICAL_RESPONSES: 4, EMPTY_RESPONSE: 2 }],
];

const prefs = (file: string) => sharedPath('data/prefs', file) as string;

describeShared('published preference data', () => {
  test.each(EXPECTED)('%s: every record is accepted or refused with its reason', async (file, outcomes) => {
    const found: Record<string, number> = {};
    for await (const { bytes } of readRecords(prefs(file))) {
      const parsed = parsePreference(bytes);
      const outcome = parsed.ok ? parsed.preference.kind : parsed.reason;
      found[outcome] = (found[outcome] ?? 0) + 1;
    }
    expect(found).toEqual(outcomes);
  });

  test("PandaLM's answers that are no text are refused by the name of the field", async () => {
    const refused: unknown[] = [];
    for await (const { bytes } of readRecords(prefs('pandalm-testset/raw/testset-v1.json'))) {
      const { instruction, response1, response2 } = JSON.parse(Buffer.from(bytes).toString());
      const parsed = parsePreference(JSON.stringify({ instruction, chosen: response1, rejected: response2 }));
      if (!parsed.ok && parsed.reason === 'WRONG_TYPE')
        refused.push([parsed.field, typeof response1, typeof response2]);
    }
    const [first, second] = [
      ['chosen', 'boolean', 'string'],
      ['rejected', 'string', 'boolean'],
    ];
    expect(refused).toEqual([first, first, first, second, second, first]);
  });

  test('transcripts with implicit prompts split where their publisher split them', async () => {
    const whole = new Set<string>();
    for await (const { bytes } of readRecords(prefs('hh-rlhf-helpful-base-test/implicit.jsonl.gz'))) {
      const parsed = parsePreference(bytes);
      if (!parsed.ok || parsed.preference.kind !== 'text') throw new Error('refused');
      const { prompt, chosen, rejected } = parsed.preference;
      whole.add([prompt, chosen, rejected].map((text) => text.trim()).join('\0'));
    }
    let same = 0;
    for await (const { bytes } of readRecords(prefs('hh-rlhf-helpful-base-test/pairs.jsonl.gz'))) {
      const { prompt, chosen, rejected } = JSON.parse(Buffer.from(bytes).toString());
      if (whole.has([`${transcript(prompt)}\n\nAssistant:`.trim(), chosen[0].content, rejected[0].content].join('\0')))
        same++;
    }
    expect(same).toBe(2341);
  });
});

const transcript = (messages: readonly { role: string; content: string }[]) =>
  messages.map(({ role, content }) => `\n\n${role === 'user' ? 'Human' : 'Assistant'}: ${content}`).join('');
