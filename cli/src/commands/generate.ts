import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AlphapoError } from '@alphapo/base';
import type { ContinuedPrompt, ContinueOptions } from '@alphapo/generation';
import { isRight, type PromptOptions, readPrompts, type TokenPrompt, textPrompt } from '@alphapo/generation';
import { Command } from 'commander';
import type { GeneratorSession } from '../generation/generator-session.ts';
import { addGeneratorOptions, type GeneratorOptions, openGenerator } from '../generation/open-generator.ts';
import { samplingOf } from '../generation/sampling-options.ts';
import { examples } from '../help.ts';
import { positive } from '../numbers.ts';
import { countProgress, stopSignal } from '../terminal.ts';

const DESCRIPTION = `Generate answers to prompts.

Prompts come from --prompt, or from the lines of --data: {"id", "prompt" | "messages" | "prompt_ids"}. A terminal shows answers
as they are generated; with --adapter, those before and after training. A pipe or --out gets one JSON line per answer: {"id",
"text", "tokens", "logProbs", "finish"}, log-probabilities in nats; finish is "stop" or "length". With --judge, lines of --data may have
"answer", what counts as right: a text, {"prefix"}, {"regex"}, {"number"}, or a list of these.`;

const EXAMPLES = `
Examples:
  alphapo generate --model ./smollm2 --chat --prompt "What is the capital of France?"
  alphapo generate --model ./smollm2 --adapter run/adapter --chat --prompt "Why is the sky blue?"
  alphapo generate --model ./smollm2 --data prompts.jsonl --n 4 --temperature 0.8 --out answers.jsonl
  alphapo generate --model ./smollm2 --adapter run/adapter --data questions.jsonl --judge --out answers.jsonl`;

interface GenerateOptions extends GeneratorOptions {
  readonly prompt?: string[];
  readonly data?: string;
  readonly out?: string;
  readonly chat?: boolean;
  readonly judge?: boolean;
  readonly n: number;
}

export function generateCommand(): Command {
  const command = new Command('generate')
    .summary('generate answers to prompts')
    .description(DESCRIPTION)
    .option('--prompt <text...>', 'text to continue; with --chat, a user message to answer')
    .option('--data <file>', 'file with one prompt per line')
    .option('--out <file>', 'output file for JSON lines')
    .option('--chat', 'treat prompts as user messages and apply the chat template')
    .option('--judge', 'count the right answers, by "answer" in the lines of --data')
    .option('--n <n>', 'answers per prompt', positive, 1);
  return addGeneratorOptions(command).addHelpText('after', examples(EXAMPLES)).action(generate);
}

async function generate(options: GenerateOptions): Promise<void> {
  const { prompt = [], data, out } = options;
  if ((data === undefined) === (prompt.length === 0)) {
    throw new AlphapoError('invalid-argument', 'INVALID_SETTING', 'give either --prompt or --data');
  }
  if (options.judge && data === undefined) {
    throw new AlphapoError(
      'invalid-argument',
      'INVALID_SETTING',
      '--judge needs --data, whose lines say what is right',
    );
  }
  await using session = await openGenerator(options);
  const how: PromptOptions = {
    ...{ tokenizer: session.tokenizer, asChat: options.chat ?? false },
    withAnswers: options.judge ?? false,
  };
  const prompts = data === undefined ? prompt.map((text, i) => textPrompt(text, i, how)) : await readPrompts(data, how);
  const continued = { ...samplingOf(options), continuations: options.n, signal: stopSignal() };
  if (out === undefined && data === undefined && process.stdout.isTTY) await show(session, prompts, continued);
  else await writeLines(session, prompts, continued, out);
}

/** Answers as they come, each prompt by itself. */
async function show(
  session: GeneratorSession,
  prompts: readonly TokenPrompt[],
  options: ContinueOptions,
): Promise<void> {
  const { stdout } = process;
  const policies = session.policy.kind === 'base' ? [session.policy] : [{ kind: 'base' } as const, session.policy];
  for (const [i, prompt] of prompts.entries()) {
    if (prompts.length > 1) stdout.write(`${i === 0 ? '' : '\n'}> ${prompt.text}\n`);
    for (const policy of policies) {
      if (policies.length > 1) stdout.write(`${policy.kind === 'base' ? '--- before' : '--- after'}\n`);
      await showAnswers(session, prompt, policy, options);
    }
  }
}

/** One answer as it comes, several when each has ended. */
async function showAnswers(
  session: GeneratorSession,
  prompt: TokenPrompt,
  policy: GeneratorSession['policy'],
  options: ContinueOptions,
): Promise<void> {
  const { stdout } = process;
  const isOne = options.continuations === 1;
  const end = ({ finish }: ContinuedPrompt) => (finish === 'length' ? ' …\n' : '\n');
  await session.continue([prompt], policy, {
    ...options,
    onPiece: ({ text }) => void (isOne && stdout.write(text)),
    onContinuation: (answer) => {
      stdout.write(isOne ? end(answer) : `[${answer.index + 1}] ${answer.text}${end(answer)}`);
    },
  });
}

/** Lines of JSON in the order of the prompts, each written when those before it are. */
async function writeLines(
  session: GeneratorSession,
  prompts: readonly TokenPrompt[],
  options: ContinueOptions,
  file: string | undefined,
): Promise<void> {
  const stream: Writable = file === undefined ? process.stdout : createWriteStream(file);
  const total = prompts.length * options.continuations;
  const progress = countProgress('answers');
  const done: (string | undefined)[] = new Array(total).fill(undefined);
  let written = 0;
  let count = 0;
  const judged = { right: 0, answers: 0 };
  const onContinuation = (answer: ContinuedPrompt) => {
    const { prompt, index, text, tokens, logProbs, finish } = answer;
    const { id, answer: expected } = prompts[prompt] as TokenPrompt;
    const which = options.continuations > 1 ? { index } : {};
    const verdict = expected === undefined ? {} : { right: isRight(text, expected) };
    if (verdict.right !== undefined) judged.answers++;
    if (verdict.right) judged.right++;
    done[prompt * options.continuations + index] =
      `${JSON.stringify({ id, ...which, text, tokens, logProbs, finish, ...verdict })}\n`;
    for (; written < total && done[written] !== undefined; written++) {
      stream.write(done[written]);
      done[written] = '';
    }
    progress.update(++count, total, 'generating');
  };
  try {
    await session.continue(prompts, session.policy, { ...options, onContinuation });
  } finally {
    progress.stop();
    if (file !== undefined) {
      stream.end();
      await finished(stream);
    }
  }
  if (file !== undefined) process.stderr.write(`wrote ${count} answers to ${file}\n`);
  if (judged.answers > 0) {
    const share = ((100 * judged.right) / judged.answers).toFixed(1);
    process.stderr.write(`right: ${judged.right} of ${judged.answers} answers, ${share} %\n`);
  }
}
