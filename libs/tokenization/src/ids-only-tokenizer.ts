import { AlphapoError, sha256 } from '@alphapo/base';
import type { ChatTemplate } from './chat-template.ts';

const NO_BYTES = sha256('');

/**
 * Stands in for the tokenizer of a model folder that has a config.json and no tokenizer.json. Token ids are checked against the model's
 * vocabulary; whatever has to be encoded, decoded or rendered is refused as NO_TOKENIZER.
 */
export function idsOnlyTokenizer(modelVocabularySize: number) {
  const refuse = (): never => {
    throw new AlphapoError(
      'invalid-argument',
      'NO_TOKENIZER',
      'the model folder has no tokenizer.json; use token ids (prompt_ids, chosen_ids, rejected_ids), or add the file',
    );
  };
  const chatTemplate: ChatTemplate = { source: 'none', place: 'none', text: '', digest: NO_BYTES, render: refuse };
  return {
    takes: 'ids' as const,
    vocabularySize: modelVocabularySize,
    modelVocabularySize,
    special: { bos: undefined, eos: undefined, pad: undefined },
    digest: NO_BYTES,
    chatTemplate,
    encode: refuse,
    decode: refuse,
  };
}
