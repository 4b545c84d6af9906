import { AlphapoError } from '@alphapo/base';
import {
  type DescribeSamplerResponse,
  FinishReason,
  type GenerateRequest,
  type GenerateResponse,
  type Prompt,
} from '@alphapo/contracts';
import type { ContinuedPrompt, ContinueOptions } from '@alphapo/generation';
import type { CallContext } from '@alphapo/rpc';
import { MAX_CONTINUATIONS, MAX_PROMPTS, MAX_STOPS, MAX_TOP_LOG_PROBS } from './limits.ts';
import type { WrittenPrompt } from './prompts.ts';
import type { Sampler, WantedPolicy } from './sampler.ts';
import { type Listener, type StreamPart, streamed } from './stream.ts';

const DEFAULT_MAX_TOKENS = 256;

/** The sampler's gRPC methods. */
export class SamplerService {
  readonly #sampler: Sampler;
  readonly #modelName: string;

  constructor(sampler: Sampler, modelName: string) {
    this.#sampler = sampler;
    this.#modelName = modelName;
  }

  describe(): DescribeSamplerResponse {
    const { model, loadedPolicies, adapterNames } = this.#sampler;
    return {
      modelName: this.#modelName,
      modelType: model.modelType,
      modelDigest: model.digest,
      vocabularySize: model.vocabularySize,
      maxLength: model.maxPositions,
      executionProvider: model.executionProvider,
      threads: model.threads,
      dtype: model.dtype,
      policies: loadedPolicies,
      adapters: adapterNames,
    };
  }

  async *generate(request: GenerateRequest, { signal }: CallContext): AsyncGenerator<GenerateResponse> {
    checkCount('prompts', request.prompts.length, { least: 1, most: MAX_PROMPTS });
    checkCount('continuations', request.continuations, { most: MAX_CONTINUATIONS });
    checkCount('stop', request.stop.length, { most: MAX_STOPS });
    checkCount('top_log_probs', request.topLogProbs, { most: MAX_TOP_LOG_PROBS });
    const prompts = await this.#sampler.tokens(request.prompts.map(writtenPrompt), signal);
    const { choice, version } = await this.#sampler.choose(wantedPolicy(request.policy), signal);
    const header = { policy: version, promptTokens: prompts.map(({ length }) => length) };
    yield { part: { $case: 'header', value: header } };
    const parts = streamed((listener: Listener) => {
      const options = { ...optionsOf(request), ...listener };
      return this.#sampler.admitted(() => this.#sampler.continue(prompts, choice, options), listener.signal);
    }, signal);
    for await (const part of parts) {
      if (part.kind === 'continuation' || request.pieces) yield responseOf(part, request.prompts);
    }
  }
}

function writtenPrompt({ prompt }: Prompt, index: number): WrittenPrompt {
  if (prompt?.$case === 'text') return { kind: 'text', text: prompt.value };
  if (prompt?.$case === 'conversation') return { kind: 'conversation', messages: prompt.value.messages };
  if (prompt?.$case === 'tokens') return { kind: 'tokens', tokens: prompt.value.ids };
  throw invalid(`prompts[${index}]`, 'set one of text, conversation, tokens');
}

function wantedPolicy(policy: GenerateRequest['policy']): WantedPolicy {
  if (policy?.$case === 'latest') return { kind: 'latest' };
  if (policy?.$case === 'version') return { kind: 'version', version: policy.value };
  return policy?.$case === 'adapter' ? { kind: 'adapter', name: policy.value } : { kind: 'base' };
}

/** Zero stands for what is off or usual: proto3 does not tell it from a field that is not set. */
function optionsOf(request: GenerateRequest): Omit<ContinueOptions, 'signal'> {
  const { sampling, continuations, maxTokens, seed, stop, ignoreEnd, alone, topLogProbs } = request;
  return {
    continuations: continuations || 1,
    maxTokens: maxTokens || DEFAULT_MAX_TOKENS,
    sampling: {
      temperature: sampling?.temperature ?? 0,
      topK: sampling?.topK || undefined,
      topP: sampling?.topP || undefined,
      minP: sampling?.minP || undefined,
      repetitionPenalty: sampling?.repetitionPenalty || undefined,
    },
    ...{ seed, stop, ignoreEnd, topLogProbs, batching: alone ? 'alone' : 'together' },
  };
}

function responseOf(part: StreamPart, prompts: readonly Prompt[]): GenerateResponse {
  if (part.kind === 'piece') {
    const { prompt, index, text, tokens, logProbs } = part.piece;
    const piece = { prompt, index, text, tokens: [...tokens], logProbs: [...logProbs] };
    return { part: { $case: 'piece', value: piece } };
  }
  const { continuation } = part;
  return {
    part: { $case: 'continuation', value: continuationOf(continuation, prompts[continuation.prompt]?.id ?? '') },
  };
}

function continuationOf({ prompt, index, text, tokens, logProbs, top, finish }: ContinuedPrompt, id: string) {
  return {
    ...{ id, prompt, index, text, tokens: [...tokens], logProbs: [...logProbs] },
    top: top.map((candidates) => ({ tokens: candidates.map((candidate) => ({ ...candidate })) })),
    finish: finish === 'stop' ? FinishReason.STOP : FinishReason.LENGTH,
  };
}

function checkCount(field: string, count: number, { least = 0, most }: { least?: number; most: number }): void {
  if (count < least) throw invalid(field, `needs at least ${least}`);
  if (count > most) throw invalid(field, `${count} exceed the limit of ${most} per call`);
}

function invalid(field: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_REQUEST', `${field}: ${problem}`, { metadata: { field } });
}
