import { AlphapoError } from '@alphapo/base';
import type { ModelDefinition } from '@alphapo/models';
import { checkRow } from '../pack.ts';
import type { GenerationRequest } from './sequence.ts';

/**
 * Refuses requests that cannot be computed. Errors: EMPTY_PROMPT, UNKNOWN_TOKEN, TOO_LONG with the index of the prompt,
 * INVALID_SAMPLING with the setting.
 */
export function checkRequest(request: GenerationRequest, model: ModelDefinition): void {
  for (const [i, prompt] of request.prompts.entries()) {
    checkRow({ prompt, responses: [] }, i, model);
    if (prompt.length < model.maxPositions) continue;
    throw new AlphapoError(
      'invalid-argument',
      'TOO_LONG',
      `item ${i}: a prompt of ${prompt.length} tokens fills the model's ${model.maxPositions} positions; shorten it`,
      { metadata: { item: `${i}` } },
    );
  }
  const { sampling } = request;
  const checks: readonly [name: string, value: number | undefined, isValid: (x: number) => boolean, range: string][] = [
    ['maxTokens', request.maxTokens, isCount, 'an integer of at least 1'],
    ['continuations', request.continuations, isCount, 'an integer of at least 1'],
    ['topLogProbs', request.topLogProbs, (x) => Number.isSafeInteger(x) && x >= 0, 'an integer of at least 0'],
    ['seed', request.seed, (x) => Number.isSafeInteger(x) && x >= 0, 'an integer of at least 0'],
    ['temperature', sampling.temperature, (x) => x >= 0 && Number.isFinite(x), 'a number of at least 0'],
    ['topK', sampling.topK, isCount, 'an integer of at least 1'],
    ['topP', sampling.topP, (x) => x > 0 && x <= 1, 'above 0 and at most 1'],
    ['minP', sampling.minP, (x) => x >= 0 && x < 1, 'at least 0 and below 1'],
    ['repetitionPenalty', sampling.repetitionPenalty, (x) => x > 0 && Number.isFinite(x), 'a number above 0'],
  ];
  for (const [setting, value, isValid, range] of checks) {
    if (value === undefined || isValid(value)) continue;
    throw new AlphapoError('invalid-argument', 'INVALID_SAMPLING', `${setting} is ${value}; it must be ${range}`, {
      metadata: { setting },
    });
  }
}

const isCount = (x: number) => Number.isSafeInteger(x) && x > 0;
