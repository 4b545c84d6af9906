import { Worker } from 'node:worker_threads';
import { toWireError } from '@alphapo/base';
import { type JobName, perform, type Stage } from './pool/jobs.ts';
import type { FromWorker, JobMessage, Outcome, ToWorker } from './pool/protocol.ts';
import { describeTokenizer, openTokenizer, type Tokenizer } from './tokenizer.ts';

/**
 * A process that tokenizes for the one that started it (`TokenizerProcess`), whose id is its argument, and ends with it. It
 * reports each stage before it begins, because it may never finish.
 */

const post = (message: FromWorker) => process.send?.(message);
let stage: Stage = 'encode';
const enter = (next: Stage) => {
  if (next !== stage) post({ stage: next });
  stage = next;
};

process.on('disconnect', () => process.exit());
new Worker(new URL('./parent-watch.ts', import.meta.url), { workerData: Number(process.argv[2]) }).unref();
// A terminal signals all processes of a program; the main process handles the signal.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

let tokenizer: Tokenizer | undefined;
process.on('message', async (message: ToWorker) => {
  if ('folder' in message) await open(message.folder, message.options);
  else if (tokenizer !== undefined) answer(tokenizer, message);
});

async function open(...given: Parameters<typeof openTokenizer>): Promise<void> {
  try {
    tokenizer = tellingStages(await openTokenizer(...given));
    post({ opened: { result: describeTokenizer(tokenizer) } });
  } catch (error) {
    post({ opened: { error: toWireError(error, 'TOKENIZER_FAILED') } });
  }
}

function answer<K extends JobName>(from: Tokenizer, { name, items, options }: JobMessage<K>): void {
  for (const item of items) {
    enter('encode');
    post({ outcome: attempt(() => perform[name](from, item, options, enter)) });
  }
}

function attempt<T>(work: () => T): Outcome<T> {
  try {
    return { result: work() };
  } catch (error) {
    return { error: toWireError(error, 'TOKENIZER_FAILED') };
  }
}

function tellingStages(opened: Tokenizer): Tokenizer {
  const { chatTemplate, ...description } = describeTokenizer(opened);
  return {
    ...description,
    chatTemplate: {
      ...chatTemplate,
      text: opened.chatTemplate.text,
      render(messages, options) {
        enter('render');
        return opened.chatTemplate.render(messages, options);
      },
    },
    encode(text, options) {
      enter('encode');
      return opened.encode(text, options);
    },
    decode: (ids, options) => opened.decode(ids, options),
  };
}
