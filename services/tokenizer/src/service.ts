import { setImmediate } from 'node:timers/promises';
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
import type { Tokenizer } from '@alphapo/tokenization';

/** Texts of one call: enough for batch work, little enough that no call holds the others up for long. */
const MAX_TEXTS = 1024;
/** Characters of one text: nothing else happens while it is tokenized, which takes seconds then. */
const MAX_CHARACTERS = 2 ** 20;

/** The tokenizer's methods. */
export class TokenizerService {
  readonly #tokenizer: Tokenizer;
  readonly #lengths: RunSpecification['lengths'];

  constructor(tokenizer: Tokenizer, lengths: RunSpecification['lengths']) {
    this.#tokenizer = tokenizer;
    this.#lengths = lengths;
  }

  async describe(): Promise<DescribeResponse> {
    const { vocabularySize, special, digest, chatTemplate } = this.#tokenizer;
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

  async encode({ texts, addSpecialTokens }: EncodeRequest): Promise<EncodeResponse> {
    checkCount('texts', texts.length);
    texts.forEach((text, i) => {
      checkCharacters(`texts[${i}]`, text.length);
    });
    const encodings: EncodeResponse['encodings'] = [];
    for (const text of texts) {
      encodings.push({ ids: this.#tokenizer.encode(text, { addSpecialTokens }) });
      await setImmediate(); // Others have their turn.
    }
    return { encodings };
  }

  async decode({ encodings, skipSpecialTokens }: DecodeRequest): Promise<DecodeResponse> {
    checkCount('encodings', encodings.length);
    const { vocabularySize } = this.#tokenizer;
    encodings.forEach(({ ids }, i) => {
      const unknown = ids.find((id) => id >= vocabularySize);
      if (unknown === undefined) return;
      throw invalid(`encodings[${i}]`, `token id ${unknown} is not below the vocabulary size ${vocabularySize}`);
    });
    return { texts: encodings.map(({ ids }) => this.#tokenizer.decode(ids, { skipSpecialTokens })) };
  }

  async applyChatTemplate(request: ApplyChatTemplateRequest): Promise<ApplyChatTemplateResponse> {
    const { messages, addGenerationPrompt } = request;
    if (messages.length === 0) throw invalid('messages', 'is empty');
    checkCount('messages', messages.length);
    checkCharacters(
      'messages',
      messages.reduce((sum, { content }) => sum + content.length, 0),
    );
    const text = this.#tokenizer.chatTemplate.render(messages, { addGenerationPrompt });
    return { text, ids: this.#tokenizer.encode(text, { addSpecialTokens: false }) };
  }
}

function checkCount(field: string, count: number): void {
  if (count > MAX_TEXTS) throw invalid(field, `${count} are more than the ${MAX_TEXTS} that one call may have`);
}

function checkCharacters(field: string, count: number): void {
  if (count > MAX_CHARACTERS) throw invalid(field, `${count} characters are more than the ${MAX_CHARACTERS} of a text`);
}

function invalid(field: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_REQUEST', `${field}: ${problem}`, { metadata: { field } });
}
