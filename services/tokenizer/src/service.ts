import { AlphapoError } from '@alphapo/base';
import type {
  ApplyChatTemplateRequest,
  ApplyChatTemplateResponse,
  DecodeRequest,
  DecodeResponse,
  DescribeResponse,
  EncodeRequest,
  EncodeResponse,
  RunSpecification,
} from '@alphapo/contracts';
import { Admission, type CallContext } from '@alphapo/rpc';
import type { TokenizerPool } from '@alphapo/tokenization';

/** Texts of one call: enough for batch work, little enough that no call holds the others up for long. */
const MAX_TEXTS = 1024;
/** Characters of one text: it takes a thread some seconds. */
const MAX_CHARACTERS = 2 ** 20;
/** Calls that take turns in the threads, and those that wait; more are asked to come back. */
const LIMITS = { concurrency: 16, queue: 64 };

/** The tokenizer's methods. */
export class TokenizerService {
  readonly #tokenizer: TokenizerPool;
  readonly #lengths: RunSpecification['lengths'];
  readonly #calls = new Admission(LIMITS);

  constructor(tokenizer: TokenizerPool, lengths: RunSpecification['lengths']) {
    this.#tokenizer = tokenizer;
    this.#lengths = lengths;
  }

  async describe(): Promise<DescribeResponse> {
    const { vocabularySize, special, digest, chatTemplate } = this.#tokenizer.description;
    return {
      vocabularySize,
      bosTokenId: special.bos,
      eosTokenId: special.eos,
      padTokenId: special.pad,
      tokenizerDigest: digest,
      chatTemplateDigest: chatTemplate.digest,
      ...this.#lengths,
    };
  }

  async encode({ texts, addSpecialTokens }: EncodeRequest, { signal }: CallContext): Promise<EncodeResponse> {
    checkCount('texts', texts.length);
    texts.forEach((text, i) => {
      checkCharacters(`texts[${i}]`, text.length);
    });
    const encodings = await this.#run('texts', texts, { addSpecialTokens }, signal);
    return { encodings: encodings.map((ids) => ({ ids })) };
  }

  async decode({ encodings, skipSpecialTokens }: DecodeRequest, { signal }: CallContext): Promise<DecodeResponse> {
    checkCount('encodings', encodings.length);
    const { vocabularySize } = this.#tokenizer.description;
    encodings.forEach(({ ids }, i) => {
      const unknown = ids.find((id) => id >= vocabularySize);
      if (unknown === undefined) return;
      throw invalid(`encodings[${i}]`, `token id ${unknown} is not below the vocabulary size ${vocabularySize}`);
    });
    const lists = encodings.map(({ ids }) => ids);
    return { texts: await this.#run('encodings', lists, { skipSpecialTokens }, signal) };
  }

  async applyChatTemplate(
    request: ApplyChatTemplateRequest,
    { signal }: CallContext,
  ): Promise<ApplyChatTemplateResponse> {
    const { messages, addGenerationPrompt } = request;
    if (messages.length === 0) throw invalid('messages', 'is empty');
    checkCount('messages', messages.length);
    checkCharacters(
      'messages',
      messages.reduce((sum, { content }) => sum + content.length, 0),
    );
    const [made] = await this.#run('conversations', [messages], { addGenerationPrompt }, signal);
    return made as ApplyChatTemplateResponse;
  }

  readonly #run: TokenizerPool['run'] = (name, items, options, signal) =>
    this.#calls.run(() => this.#tokenizer.run(name, items, options, signal), signal);
}

function checkCount(field: string, count: number): void {
  if (count > MAX_TEXTS) throw invalid(field, `${count} exceed the limit of ${MAX_TEXTS} per call`);
}

function checkCharacters(field: string, count: number): void {
  if (count > MAX_CHARACTERS)
    throw invalid(field, `${count} characters exceed the limit of ${MAX_CHARACTERS} per text`);
}

function invalid(field: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_REQUEST', `${field}: ${problem}`, { metadata: { field } });
}
