import { existsSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { messageOf } from '@alphapo/base';
import { pythonJson } from '@alphapo/data';
import { BUILT_IN_TEMPLATES, JinjaTemplate, openTokenizer, writeByteTokenizer } from '@alphapo/tokenization/testing';
import { describeShared, sharedPath } from '../support/shared-data.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { CONVERSATIONS } from './conversations.ts';
import { runPython } from './python.ts';
import { FEATURES } from './template-features.ts';
import { TEXTS } from './texts.ts';
import { tokenizerVariants } from './tokenizer-variants.ts';

/** Our chat templates and tokenizers beside those of transformers: equal text, equal ids, and refused where it raises an error. */

const LIMIT_MS = 30 * 60_000;

interface Outcome {
  readonly text?: string;
  readonly ids?: readonly number[];
  readonly error?: string;
}

interface Chat {
  readonly folder: string;
  /** null: the folder's own. */
  readonly template: string | null;
  readonly messages: unknown;
  readonly tools: unknown;
  readonly generate: boolean;
}

interface Text {
  readonly folder: string;
  readonly text: string;
  readonly special: boolean;
}

/** A case for transformers with what we make of it. */
interface Compared<Case> {
  readonly name: string;
  readonly given: Case;
  readonly ours: Outcome;
}

async function theirs(chats: readonly Compared<Chat>[], texts: readonly Compared<Text>[]): Promise<readonly Outcome[]> {
  const file = join(await temporaryFolder(), 'cases.json');
  await writeFile(file, pythonJson({ chats: chats.map(({ given }) => given), texts: texts.map(({ given }) => given) }));
  const made = await runPython<{ chats: Outcome[]; texts: Outcome[] }>('render_chats.py', file);
  return [...made.chats, ...made.texts];
}

function attempt(make: () => Outcome): Outcome {
  try {
    return make();
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** Every difference, with its case; and how many were the same. */
function differences(cases: readonly Compared<unknown>[], outcomes: readonly Outcome[]) {
  const found: unknown[] = [];
  const counts = { same: 0, 'refused by both': 0 };
  for (const [i, { name, ours }] of cases.entries()) {
    const other = outcomes[i] as Outcome;
    if (ours.error !== undefined && other.error !== undefined) counts['refused by both']++;
    else if (ours.error === undefined && isSame(ours, other)) counts.same++;
    else found.push({ name, ours, theirs: other });
  }
  return { found, counts };
}

const isSame = (ours: Outcome, other: Outcome) =>
  (ours.text === undefined || ours.text === other.text) &&
  (ours.ids === undefined || JSON.stringify(ours.ids) === JSON.stringify(other.ids));

function report(what: string, counts: object): void {
  process.stdout.write(`${what}: ${JSON.stringify(counts)}\n`);
}

const NAMED = { bos_token: '<s>', eos_token: '</s>', pad_token: '<pad>' };

/** What templates make of conversations, as text. */
function rendered(
  templates: Readonly<Record<string, string>>,
  conversations: readonly string[],
  folder: string,
): Compared<Chat>[] {
  return Object.entries(templates).flatMap(([templateName, text]) => {
    const template = parsed(text);
    return conversations.flatMap((name) => {
      const { messages, tools } = CONVERSATIONS[name] as (typeof CONVERSATIONS)[string];
      return [false, true].map((generate) => ({
        name: `${templateName} / ${name}${generate ? ' / generate' : ''}`,
        given: { folder, template: text, messages, tools: tools ?? null, generate },
        ours: attempt(() => ({ text: template().render(messages, { addGenerationPrompt: generate, tools }) })),
      }));
    });
  });
}

/** A template that cannot be parsed is an error where it is rendered. */
function parsed(text: string): () => JinjaTemplate {
  try {
    const template = new JinjaTemplate(text, 'file', NAMED);
    return () => template;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

async function byteTokenizerFolder(): Promise<string> {
  const folder = await temporaryFolder();
  await writeByteTokenizer(folder);
  return folder;
}

/** What a folder's own template and tokenizer make of all conversations and texts. */
async function ofFolder(name: string, folder: string): Promise<[Compared<Chat>[], Compared<Text>[]]> {
  const tokenizer = await openTokenizer(folder);
  const texts = TEXTS.flatMap((text) =>
    [false, true].map((special) => ({
      name: `${name} / ${JSON.stringify(text)}${special ? ' / special' : ''}`,
      given: { folder, text, special },
      ours: attempt(() => ({ ids: tokenizer.encode(text, { addSpecialTokens: special }) })),
    })),
  );
  if (tokenizer.chatTemplate.source === 'fallback') return [[], texts];
  const chats = Object.entries(CONVERSATIONS).map(([conversation, { messages, tools }]) => ({
    name: `${name} / ${conversation}`,
    given: { folder, template: null, messages, tools: tools ?? null, generate: true },
    ours: attempt(() => {
      const text = tokenizer.chatTemplate.render(messages, { addGenerationPrompt: true, tools });
      return { text, ids: tokenizer.encode(text, { addSpecialTokens: false }) };
    }),
  }));
  return [chats, texts];
}

async function compareFolders(what: string, folders: Readonly<Record<string, string>>): Promise<void> {
  const made = await Promise.all(Object.entries(folders).map(([name, folder]) => ofFolder(name, folder)));
  const [chats, texts] = [made.flatMap(([chat]) => chat), made.flatMap(([, text]) => text)];
  const { found, counts } = differences([...chats, ...texts], await theirs(chats, texts));
  report(what, counts);
  expect(found).toEqual([]);
  expect(counts.same).toBeGreaterThan(100);
}

test(
  'features of Jinja that implementations differ in',
  async () => {
    const cases = rendered({ ...FEATURES }, ['many turns', 'tool call'], await byteTokenizerFolder());
    const { found, counts } = differences(cases, await theirs(cases, []));
    report('features of templates', counts);
    expect(found).toEqual([]);
    expect(counts.same).toBeGreaterThan(150);
  },
  LIMIT_MS,
);

test(
  'tokenizers with one feature each',
  async () => compareFolders('features of tokenizers', await tokenizerVariants()),
  LIMIT_MS,
);

describeShared('published models', () => {
  const shared = (...path: string[]) => sharedPath(...path) as string;
  const json = async (...path: string[]) => JSON.parse(await readFile(shared(...path), 'utf8'));

  async function publishedTemplates(): Promise<Record<string, string>> {
    const vectors: Record<string, { chat_template: string }> = await json(
      'data/tokenizers/vectors-transformersjs/jinja-e2e.json',
    );
    const configs = await Promise.all(
      ['qwen2.5', 'qwen2.5/qwen3', 'mistral-7b'].map(async (name) => {
        const { chat_template: template } = await json('data/tokenizers', name, 'tokenizer_config.json');
        return [name, template as string] as const;
      }),
    );
    return {
      ...Object.fromEntries(BUILT_IN_TEMPLATES),
      ...Object.fromEntries(Object.entries(vectors).map(([name, { chat_template }]) => [name, chat_template])),
      ...Object.fromEntries(configs),
      'tool.jinja': await readFile(shared('cases/04-tool-calls/tool.jinja'), 'utf8'),
      'r1.jinja': await readFile(shared('cases/06-template-drops-reasoning/r1.jinja'), 'utf8'),
    };
  }

  test(
    'their templates write what transformers writes, for every conversation',
    async () => {
      const cases = rendered(await publishedTemplates(), Object.keys(CONVERSATIONS), await byteTokenizerFolder());
      const { found, counts } = differences(cases, await theirs(cases, []));
      report('published templates', counts);
      expect(found).toEqual([]);
      expect(counts.same).toBeGreaterThan(1_000);
    },
    LIMIT_MS,
  );

  /** Qwen's tokenizer.json is stored compressed. */
  async function qwenFolder(): Promise<string> {
    const folder = await temporaryFolder();
    const packed = await readFile(shared('data/tokenizers/qwen2.5/tokenizer.rebuilt.json.gz'));
    await writeFile(join(folder, 'tokenizer.json'), gunzipSync(packed));
    await copyFile(shared('data/tokenizers/qwen2.5/tokenizer_config.json'), join(folder, 'tokenizer_config.json'));
    return folder;
  }

  test(
    'their tokenizers give the ids that transformers gives',
    async () => {
      // A real instruct model that shared/data/models makes; too large to be stored there.
      const smollm = process.env.ALPHAPO_SMOLLM2 ?? join(homedir(), '.cache/alphapo-models/smollm2-135m-instruct');
      await compareFolders('published tokenizers', {
        gpt2: shared('data/tokenizers/gpt2'),
        'mistral-7b': shared('data/tokenizers/mistral-7b'),
        stories260K: shared('data/models/stories260K/hf'),
        'qwen2.5': await qwenFolder(),
        ...(existsSync(join(smollm, 'tokenizer.json')) ? { smollm2: smollm } : {}),
      });
    },
    LIMIT_MS,
  );
});
