import { z } from 'zod';
import { MAX_ID_LENGTH, ROLE_NAMES } from './fields.ts';

/** The forms that a record of `preferences` may have; published as JSON Schema in proto/schema. */

const text = z.string().min(1);
const role = z.enum(ROLE_NAMES as [string, ...string[]]).meta({ id: 'role', description: 'who speaks' });
const part = z
  .union([
    z.looseObject({ type: z.literal('text'), text: z.string() }),
    z.looseObject({ type: z.literal('text'), value: z.string() }),
  ])
  .meta({ id: 'text-part', description: 'a part of a message; its text is called text or value' });
const message = z
  .looseObject({ role, content: z.union([z.string(), z.array(part)]) })
  .meta({ id: 'message', description: 'a chat message' });
const turn = z
  .looseObject({ from: role, value: z.string() })
  .meta({ id: 'turn', description: "a chat message by ShareGPT's names" });
const messages = z
  .array(z.union([message, turn]))
  .min(1)
  .meta({ id: 'messages' });
const said = z.union([text, messages, message, turn]).meta({ id: 'said', description: 'text or chat messages' });
const id = z
  .union([z.string().max(MAX_ID_LENGTH), z.number(), z.null()])
  .meta({ id: 'id', description: "the record's id; its place in the topic otherwise" })
  .optional();
const ids = z.array(z.int().nonnegative()).min(1).meta({ id: 'token-ids' });
/** A field that would make another form of the record. */
const absent = z.never().optional();

const implicitPrompt = (whole: z.ZodType) =>
  z.looseObject({
    id,
    prompt_id: id,
    prompt: absent,
    conversations: absent,
    instruction: absent,
    chosen: whole,
    rejected: whole,
  });

export const recordSchema = z
  .union([
    z
      .looseObject({ id, prompt_id: id, prompt: said, chosen: said, rejected: said })
      .describe('prompt and responses as text or as chat messages'),
    implicitPrompt(text).describe('two whole transcripts; the prompt is what they begin with in common'),
    implicitPrompt(messages).describe(
      'two whole conversations; the prompt is the messages that they begin with in common',
    ),
    z
      .looseObject({ id, prompt_id: id, prompt_ids: ids, chosen_ids: ids, rejected_ids: ids })
      .describe('token ids, used as they are'),
    z
      .looseObject({ id, prompt_id: id, prompt: absent, conversations: messages, chosen: said, rejected: said })
      .describe('ShareGPT turns, as LLaMA-Factory has them'),
    z
      .looseObject({ id, prompt_id: id, chosen_messages: messages, rejected_messages: messages })
      .describe('two whole conversations as messages'),
    z
      .looseObject({
        id,
        prompt_id: id,
        prompt: absent,
        conversations: absent,
        instruction: z.string(),
        input: z.string().optional(),
        chosen: said,
        rejected: said,
      })
      .describe('an instruction with an optional input'),
    z
      .looseObject({ id, prompt_id: id, text: z.tuple([text, text]), score: z.tuple([z.number(), z.number()]) })
      .describe('two whole transcripts and their scores; the better one is chosen'),
  ])
  .meta({ title: 'A preference pair', description: 'The value of a record in the topic `preferences`.' });
