import { z } from 'zod';
import { PROMPTS, SIDES, SYSTEMS } from './field-table.ts';
import { MAX_ID_LENGTH } from './limits.ts';
import { ROLE_NAMES } from './messages.ts';

/**
 * The forms that a record of `preferences` may have; published as JSON Schema in proto/schema. It knows the fields that are
 * read; the parser also refuses other fields that say something, and fields that contradict each other (docs/records.md).
 */

const anyCase = (name: string) => [...name].map((letter) => `[${letter}${letter.toUpperCase()}]`).join('');

const text = z.string().min(1);
/** Nothing is said: as if the field were not there. */
const nothing = z
  .union([z.null(), z.literal(''), z.array(z.never()).max(0), z.strictObject({})])
  .meta({ id: 'nothing', description: 'as if the field were not there' });
const role = z
  .string()
  .regex(new RegExp(`^\\s*(?:${ROLE_NAMES.map(anyCase).join('|')})\\s*$`))
  .meta({ id: 'role', description: `who speaks, in any case: ${ROLE_NAMES.join(', ')}` });
const part = z
  .union([
    z.looseObject({ type: z.literal('text'), text: z.string() }),
    z.looseObject({ type: z.literal('text'), value: z.string() }),
  ])
  .meta({ id: 'text-part', description: 'a part of a message; its text is called text or value' });
const content = z.union([z.string(), z.array(part)]);
const json = z
  .string()
  .regex(/^\s*[[{]/)
  .meta({ description: 'the same as JSON text' });
const tools = z.array(z.looseObject({})).meta({ id: 'tools', description: 'tools, as the chat template takes them' });
const calls = z
  .array(z.looseObject({}))
  .min(1)
  .meta({ id: 'tool-calls', description: 'calls of tools, as the chat template takes them' });
const optionalText = z.string().nullish();
const besideContent = {
  name: optionalText,
  tool_call_id: optionalText,
  reasoning_content: optionalText,
  reasoning: optionalText,
  thinking: optionalText,
};
const message = z
  .union([
    z.looseObject({ role, content, tool_calls: z.union([calls, json, nothing]).optional(), ...besideContent }),
    z.looseObject({ role, content: z.null().optional(), tool_calls: z.union([calls, json]), ...besideContent }),
  ])
  .meta({ id: 'message', description: 'a chat message; its content may be null beside calls of tools' });
const turn = z
  .looseObject({ from: role, value: content, ...besideContent })
  .meta({ id: 'turn', description: "a chat message by ShareGPT's names" });
const messages = z
  .array(z.union([message, turn]))
  .min(1)
  .meta({ id: 'messages' });
const said = z.union([text, messages, message, turn]).meta({ id: 'said', description: 'text or chat messages' });
const exchange = z.union([
  z.tuple([z.string(), z.string().nullable()]),
  z.strictObject({ input: z.string(), output: optionalText }),
]);
const turns = z
  .union([z.array(z.union([message, turn, exchange])).min(1), json])
  .meta({ id: 'turns', description: 'messages, or pairs of what user and assistant said' });
const id = z
  .union([z.string().max(MAX_ID_LENGTH), z.number(), z.null()])
  .meta({ id: 'id', description: "the record's id; its place in the topic otherwise" })
  .optional();
const weight = z
  .union([z.number().positive(), z.string().regex(/^\s*[\d.]+(?:[eE][-+]?\d+)?\s*$/), z.literal(''), z.null()])
  .meta({ id: 'weight', description: 'what the pair counts in the loss; 1 where absent' })
  .optional();
const ids = z.array(z.int().nonnegative()).min(1).meta({ id: 'token-ids' });
/** A field that would make another form of the record. */
const absent = z.never().optional();

const each = <Name extends string, Schema>(names: readonly Name[], schema: Schema) =>
  Object.fromEntries(names.map((name) => [name, schema])) as Record<Name, Schema>;

const always = { id, prompt_id: id, weight };
const openAiInput = z.looseObject({ messages, tools: z.union([tools, json, nothing]).optional() });
/** What a prompt may be, by its field. */
const prompts: Readonly<Record<(typeof PROMPTS)[number], z.ZodType>> = {
  ...each(['prompt', 'instruction', 'question', 'query', 'problem', 'user'], said),
  input: z.union([said, openAiInput]),
  ...each(['messages', 'conversations'], z.union([messages, json])),
  conversation: turns,
};
const surroundings = {
  ...each(SYSTEMS, z.union([z.string(), nothing]).optional()),
  history: z.union([turns, nothing]).optional(),
  tools: z.union([tools, json, nothing]).optional(),
};

const oneOf = (schemas: readonly z.ZodType[]) => z.union(schemas as [z.ZodType, z.ZodType, ...z.ZodType[]]);
const pairOf = ([better, worse]: readonly [string, string], schema: z.ZodType) =>
  z.looseObject({ [better]: schema, [worse]: schema });
const [CHOSEN, CHOSEN_MESSAGES, PREFERRED_OUTPUT] = SIDES;
const jsonMessages = z.union([messages, json]);

const explicit = z
  .intersection(
    z.looseObject({
      ...always,
      ...surroundings,
      ...Object.fromEntries(PROMPTS.map((name) => [name, z.union([prompts[name], nothing]).optional()])),
    }),
    z.intersection(
      oneOf(PROMPTS.map((name) => z.looseObject({ [name]: prompts[name] }))),
      oneOf([pairOf(CHOSEN, said), pairOf(CHOSEN_MESSAGES, jsonMessages), pairOf(PREFERRED_OUTPUT, said)]),
    ),
  )
  .meta({ description: 'a prompt, and two responses as text or as chat messages' });

const implicit = z
  .intersection(
    z.looseObject({ ...always, ...surroundings, ...each(PROMPTS, nothing.optional()) }),
    oneOf([
      pairOf(CHOSEN, jsonMessages),
      pairOf(CHOSEN_MESSAGES, jsonMessages),
      pairOf(PREFERRED_OUTPUT, jsonMessages),
    ]),
  )
  .meta({ description: 'two whole conversations; the prompt is the messages that they begin with in common' });

export const recordSchema = z
  .union([
    explicit,
    implicit,
    z
      .looseObject({
        ...always,
        ...each(PROMPTS, absent),
        ...each([...SYSTEMS, 'history', 'tools'], nothing.optional()),
        chosen: text,
        rejected: text,
      })
      .describe('two whole transcripts; the prompt is what they begin with in common'),
    z
      .looseObject({ ...always, prompt_ids: ids, chosen_ids: ids, rejected_ids: ids })
      .describe('token ids, used as they are'),
    z
      .looseObject({ ...always, text: z.tuple([text, text]), score: z.tuple([z.number(), z.number()]) })
      .describe('two whole transcripts and their scores; the better one is chosen'),
  ])
  .meta({ title: 'A preference pair', description: 'The value of a record in the topic `preferences`.' });
