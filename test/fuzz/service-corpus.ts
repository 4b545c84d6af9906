import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ApplyChatTemplateRequest,
  DecodeRequest,
  EncodeRequest,
  ExportRequest,
  GetPolicyRequest,
  GradientRequest,
  objectiveToWire,
  PreferenceBatch,
  type ScoreItem,
  ScoreRequest,
  TokenizedPair,
  WatchStepsRequest,
} from '@alphapo/contracts';
import { BATCH_FILE, type FuzzedMethod, requestFile } from './fuzzed-methods.ts';
import { goodBatch, makeModel } from './services.ts';

/** Good requests and records that mutations start from, as files. */

const tokens = TokenizedPair.fromPartial({ id: 'pair', prompt: [0, 68, 69], chosen: [70, 71, 1], rejected: [72, 1] });
const objective = objectiveToWire({ kind: 'dpo', beta: 0.1, labelSmoothing: 0, nll: undefined });
const messages = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hello?' },
];
const prompt = { $case: 'conversation', value: { messages } } as const;

const items: ScoreItem[] = [
  { id: 'a', item: { $case: 'tokenPair', value: tokens } },
  { id: 'b', item: { $case: 'textPair', value: { prompt, chosen: 'yes', rejected: 'no' } } },
  { id: 'c', item: { $case: 'tokenSequence', value: { prompt: [0, 68], response: [70] } } },
  { id: 'd', item: { $case: 'textSequence', value: { prompt, response: 'yes' } } },
];

export function requestFiles(): Record<string, Uint8Array>[] {
  const request = (method: FuzzedMethod, bytes: { finish(): Uint8Array }) => ({
    [requestFile(method)]: bytes.finish(),
  });
  return [
    request('encode', EncodeRequest.encode({ texts: ['Hello', '', 'wörld 🎈'], addSpecialTokens: true })),
    request('decode', DecodeRequest.encode({ encodings: [{ ids: [68, 69] }, { ids: [] }], skipSpecialTokens: true })),
    request('applyChatTemplate', ApplyChatTemplateRequest.encode({ messages, addGenerationPrompt: true })),
    request(
      'score',
      ScoreRequest.encode({
        ...{ items, policy: { $case: 'latest', value: {} }, perToken: true, objective },
        ...{ batch: { pairs: 4, chosenTokens: 40 } },
      }),
    ),
    request(
      'gradient',
      GradientRequest.encode(
        GradientRequest.fromPartial({
          ...{ runId: 'run', step: 1n, shard: 0, objective, pairs: [tokens, { ...tokens, id: 'other' }] },
          ...{ batchPairs: 4, batchChosenTokens: 40, dtype: 'float32', compute: { packTokens: 64 } },
        }),
      ),
    ),
    request('getPolicy', GetPolicyRequest.encode({ version: undefined })),
    request('watchSteps', WatchStepsRequest.encode({ fromStep: 3n })),
    request('export', ExportRequest.encode({ name: 'last' })),
  ];
}

export async function batchFile(): Promise<Record<string, Uint8Array>> {
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-corpus-'));
  try {
    return { [BATCH_FILE]: PreferenceBatch.encode(goodBatch(await makeModel(join(folder, 'model')))).finish() };
  } finally {
    await rm(folder, { recursive: true });
  }
}
