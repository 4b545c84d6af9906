import { GeneratorSession } from '../generation/generator-session.ts';
import { textPrompt } from '../generation/prompts.ts';
import type { Question } from './questions.ts';

/** What a model says to held-out questions by itself, before and after AlphaPO. */
export interface DemoAnswers {
  readonly questions: number;
  /** Right answers. */
  readonly before: number;
  readonly after: number;
  /** The first question of each kind that was answered otherwise before. */
  readonly examples: readonly { readonly question: string; readonly before: string; readonly after: string }[];
}

/** An answer has about twelve bytes; a longer one is wrong. */
const MAX_TOKENS = 24;
const MOST_EXAMPLES = 3;

/** Asks greedily, the most probable token each time. `adapter`: AlphaPO's, for the model. */
export async function askQuestions(
  questions: readonly Question[],
  { model, adapter, signal }: { readonly model: string; readonly adapter: string; readonly signal: AbortSignal },
): Promise<DemoAnswers> {
  await using session = await GeneratorSession.open({
    ...{ model, adapter, chatTemplate: undefined, device: 'cpu', dtype: 'float32', threads: undefined },
  });
  const how = { tokenizer: session.tokenizer, asChat: false };
  const prompts = questions.map(({ prompt }, i) => textPrompt(prompt, i, how));
  const ask = async (policy: GeneratorSession['policy']) => {
    const settings = { continuations: 1, maxTokens: MAX_TOKENS, seed: 0, stop: [], ignoreEnd: false, signal };
    const sampling = { temperature: 0 };
    const answers = await session.continue(prompts, policy, { ...settings, sampling, batching: 'together' });
    return answers.map(({ text }) => text.trim());
  };
  const [before, after] = [await ask({ kind: 'base' }), await ask(session.policy)];
  const right = (answers: readonly string[]) => answers.filter((text, i) => text === questions[i]?.chosen).length;
  const changed = questions.flatMap(({ prompt }, i) =>
    before[i] === after[i] ? [] : [{ question: prompt.trim(), before: before[i] as string, after: after[i] as string }],
  );
  return {
    questions: questions.length,
    ...{ before: right(before), after: right(after), examples: changed.slice(0, MOST_EXAMPLES) },
  };
}
