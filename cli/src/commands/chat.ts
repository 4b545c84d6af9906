import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { AlphapoError } from '@alphapo/base';
import type { Message } from '@alphapo/data';
import { conversationPrompt } from '@alphapo/generation';
import { Command } from 'commander';
import type { GeneratorSession } from '../generation/generator-session.ts';
import { addGeneratorOptions, type GeneratorOptions, openGenerator } from '../generation/open-generator.ts';
import { samplingOf } from '../generation/sampling-options.ts';
import { examples } from '../help.ts';
import { stopSignal } from '../stop-signal.ts';

const DESCRIPTION = `Talk to a model in the terminal. Each line is a turn. An empty line or Ctrl-D ends the chat; /new starts a new one; /undo
removes the last turn.`;

const EXAMPLES = `
Examples:
  alphapo chat --model ./smollm2
  alphapo chat --model ./smollm2 --adapter run/adapter --system "Answer in one sentence."`;

interface ChatOptions extends GeneratorOptions {
  readonly system?: string;
}

export function chatCommand(): Command {
  const command = new Command('chat')
    .summary('talk to a model')
    .description(DESCRIPTION)
    .option('--system <text>', 'system message');
  return addGeneratorOptions(command).addHelpText('after', examples(EXAMPLES)).action(chat);
}

async function chat(options: ChatOptions): Promise<void> {
  await using session = await openGenerator(options);
  const { tokenizer } = session;
  if (tokenizer === undefined) {
    throw new AlphapoError(
      'failed-precondition',
      'NO_TOKENIZER',
      `${options.model} has no tokenizer.json: chat needs one`,
    );
  }
  const start: readonly Message[] = options.system === undefined ? [] : [{ role: 'system', content: options.system }];
  let messages = [...start];
  const signal = stopSignal();
  const { stdin, stdout } = process;
  using lines = createInterface({
    input: stdin,
    output: stdout,
    terminal: stdin.isTTY,
    prompt: stdin.isTTY ? '> ' : '',
  });
  signal.addEventListener('abort', () => lines.close(), { once: true });
  let isOpen = true;
  lines.once('close', () => {
    isOpen = false;
  });
  // Lines of a pipe are still read after its end.
  const ask = () => void (isOpen && stdin.isTTY && lines.prompt());
  ask();
  for await (const said of lines) {
    if (said.trim() === '') return;
    if (said === '/new') messages = [...start];
    else if (said === '/undo') messages = messages.slice(0, Math.max(start.length, messages.length - 2));
    else {
      messages.push({ role: 'user', content: said });
      const text = await answer(session, conversationPrompt(messages, tokenizer), options, signal);
      messages.push({ role: 'assistant', content: text });
    }
    ask();
  }
}

/** Writes an answer as it comes; returns it. */
async function answer(
  session: GeneratorSession,
  prompt: ReturnType<typeof conversationPrompt>,
  options: ChatOptions,
  signal: AbortSignal,
): Promise<string> {
  const { stdout } = process;
  const onPiece = ({ text }: { readonly text: string }) => {
    stdout.write(styleText('cyan', text, { stream: stdout }));
  };
  const settings = { ...samplingOf(options), continuations: 1, signal, onPiece };
  const [continued] = await session.continue([{ ...prompt, id: '' }], session.policy, settings);
  stdout.write(continued?.finish === 'length' ? ' …\n' : '\n');
  return continued?.text ?? '';
}
