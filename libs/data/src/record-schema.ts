import { z } from 'zod';

/** The forms that a record of `preferences` may have; published as JSON Schema in proto/schema. */

const text = z.string().min(1);
const part = z.looseObject({ type: z.literal('text'), text: z.string().optional(), value: z.string().optional() });
const content = z.union([z.string(), z.array(part)]).describe('text, or a list of text parts');
const message = z.looseObject({ role: z.string().min(1), content });
const turn = z.looseObject({ from: z.string().min(1), value: z.string() });
const messages = z.array(message).min(1);
const response = z.union([text, messages, message]);
const id = z.union([z.string(), z.number()]).optional().describe("the record's id; its place in the topic otherwise");
const ids = z.array(z.int().nonnegative()).min(1);

export const recordSchema = z
  .union([
    z
      .looseObject({ id, prompt: z.union([text, messages]), chosen: response, rejected: response })
      .describe('prompt and responses as text or as chat messages'),
    z
      .looseObject({ id, chosen: z.union([text, messages]), rejected: z.union([text, messages]) })
      .describe('two whole conversations; the prompt is what they begin with in common'),
    z.looseObject({ id, prompt_ids: ids, chosen_ids: ids, rejected_ids: ids }).describe('token ids, used as they are'),
    z
      .looseObject({ id, conversations: z.array(turn).min(1), chosen: turn, rejected: turn })
      .describe('ShareGPT turns, as LLaMA-Factory has them'),
    z
      .looseObject({ id, chosen_messages: messages, rejected_messages: messages })
      .describe('two whole conversations as messages'),
    z
      .looseObject({ id, instruction: text, input: z.string().optional(), chosen: text, rejected: text })
      .describe('an instruction with an optional input'),
    z
      .looseObject({ id, text: z.tuple([text, text]), score: z.tuple([z.number(), z.number()]) })
      .describe('two whole transcripts and their scores; the better one is chosen'),
  ])
  .meta({ title: 'A preference pair', description: 'The value of a record in the topic `preferences`.' });
